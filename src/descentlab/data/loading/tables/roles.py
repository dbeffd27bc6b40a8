"""The roles of columns: groups, published test rows, dropped columns and inputs; and their description."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.columns import Column, as_texts, equal_to
from descentlab.data.loading.tables.cutting import Rows
from descentlab.data.loading.tables.design import Design
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import count, override
from descentlab.data.loading.tables.targets import Target

SHOWN, FEW = 8, 10
UNNAMED = r"column_[0-9]+|Unnamed: [0-9]+|__index_level_0__"  # names given by files.py and by pandas


def group_of(table: pl.DataFrame, options: Options) -> tuple[pl.Series | None, list[str]]:
    """Return the group of each row (null for rows without one; None without data.group), and warnings."""
    if options.group is None:
        return None, []
    group = _comparable(table[options.group], options)
    if not group.null_count():
        return group, []
    number = count(group.null_count(), "row")
    return group, [f"{number} without {options.group} (data.group={options.group}): each forms a separate group."]


def published_rows(table: pl.DataFrame, options: Options) -> Rows | None:
    """Return the row numbers of the published test split; None without data.test_rows.

    Raises:
        DataError: a value occurs in no row, or all rows are test.
    """
    if options.test_rows is None:
        return None
    name, wanted = options.test_rows
    values = _comparable(table[name], options)
    is_test = np.zeros(table.height, bool)
    for value in wanted:
        rows = equal_to(values, value).to_numpy()
        if not rows.any():
            found = values.drop_nulls().unique().sort().to_list()
            some = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
            raise DataError(f"{override('test_rows', {name: value})}: no row has this value; {name} has {some}")
        is_test |= rows
    if is_test.all():
        raise DataError(f"{override('test_rows', {name: wanted[0]})}: all rows are test, none is left for train and valid")
    return np.flatnonzero(is_test)


def _comparable(column: pl.Series, options: Options) -> pl.Series:
    if column.dtype.is_nested():
        raise DataError(f"{column.name} holds neither numbers nor texts: it cannot be a group or a split")
    return as_texts(column, options)


def describe(
    table: pl.DataFrame, columns: Mapping[str, Column], target: Target, design: Design, options: Options
) -> tuple[list[dict[str, str]], list[str]]:
    """Return a description of each column of `table`, in order (see Data.columns), and warnings."""
    found: list[dict[str, str]] = []
    for name in table.columns:
        if name == options.target:
            read_as, detail = "target", target.note
        elif name in options.drop:
            read_as, detail = "dropped", "data.drop"
        elif name == options.group:
            read_as, detail = "group", count(table[name].drop_nulls().n_unique(), "group")
        elif options.test_rows and name == options.test_rows[0]:
            read_as, detail = "split", f"test: {', '.join(map(str, options.test_rows[1]))}"
        elif name in design.empty:
            read_as, detail = "dropped", "no value in train"
        else:
            read_as, detail = "number" if columns[name].is_number else "category", design.details[name]
        found.append({"name": name, "read_as": read_as, "detail": detail})
    return found, [*_warnings(found, design, options.header), *_identifiers(columns)]


def _identifiers(columns: Mapping[str, Column]) -> Iterator[str]:
    """Yield a warning for each category whose values are distinct in most rows."""
    for name, column in columns.items():
        distinct, rows = column.values.drop_nulls().n_unique(), len(column.values)
        if not column.is_number and distinct > max(FEW, rows / 2):
            what = f"{name} has {distinct:,} distinct texts in {rows:,} rows and is coded as a category"
            yield f"{what}: {override('drop', [name])} leaves it out."


def _warnings(columns: list[dict[str, str]], design: Design, header: bool) -> list[str]:
    warnings = [f"{name} has no value in train and is left out." for name in design.empty]
    unnamed = [column["name"] for column in columns if column["read_as"] == "number" and re.fullmatch(UNNAMED, column["name"])]
    if header and unnamed:
        drop = override("drop", unnamed)
        warnings.append(
            f"Inputs without a name in the file: {', '.join(unnamed)}; {drop} leaves them out if they only number the rows."
        )
    inputs = [column for column in columns if column["read_as"] in ("number", "category")]
    constant = [column["name"] for column in inputs if "constant in train" in column["detail"]]
    if constant:
        warnings.append(f"Constant in train, and therefore 0 everywhere: {', '.join(constant[:SHOWN])}.")
    if len(constant) == len(inputs):
        warnings.append("Every input is constant in train: a model can learn only the mean of the target.")
    return warnings
