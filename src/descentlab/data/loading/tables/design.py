"""Build the design matrix: standardised numbers with indicators of missing values, and one-hot or coded categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.columns import Column
from descentlab.data.loading.tables.cutting import Rows
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import override
from descentlab.data.loading.tables.scaling import standardised

SHOWN = 3
Part = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """The inputs of train, valid and test, each (rows, features) float32; `cardinalities` of coded categories.

    `details` describes each column that is an input; `empty` lists columns without a value in train, which are left out.
    """

    parts: list[NDArray[np.float32]]
    cardinalities: list[int]
    details: dict[str, str]
    empty: list[str]


def build(columns: Mapping[str, Column], parts: Sequence[Rows], options: Options) -> Design:
    """Return the inputs built from `columns`: numbers first, then categories.

    Args:
        columns: the inputs, by name.
        parts: row numbers of train, valid and test.
        options: the table's options.

    Raises:
        DataError: a value is infinite, a logarithm is undefined, or no input remains.
    """
    train, details = parts[0], {}
    empty = [name for name, column in columns.items() if column.values.gather(train).null_count() == len(train)]
    inputs = [column for name, column in columns.items() if name not in empty]
    if not inputs:
        raise DataError(f"no input column has a value in train ({', '.join(empty[:SHOWN])}): fill one in, or add one")
    if names := [column.name for column in inputs if not column.is_number and column.name in options.logarithm]:
        raise DataError(
            f"{override('logarithm', names)}: {names[0]} is read as a category, which has no logarithm: remove it from the list"
        )
    made: list[list[Part]] = []
    for column in (column for column in inputs if column.is_number):
        block, details[column.name] = number(column, parts, options)
        made.append(block)
    coded, cardinalities = [], []
    for column in (column for column in inputs if not column.is_number):
        codes, count = category_codes(column.values, train)
        details[column.name] = f"{count} categories" if count != 1 else "constant in train: 0"
        cardinalities.append(count + 1)
        coded.append([codes[rows, None].astype(np.float64) for rows in parts])
        if options.categories == "one_hot":
            made.append(standardised(*((codes[rows, None] == np.arange(1, count + 1)).astype(np.float64) for rows in parts))[0])
    blocks = [*made, *(coded if options.categories == "codes" else [])]
    wide = [np.concatenate([block[part] for block in blocks], axis=1).astype(np.float32) for part in range(len(parts))]
    return Design(wide, cardinalities if options.categories == "codes" else [], details, empty)


def number(column: Column, parts: Sequence[Rows], options: Options) -> tuple[list[Part], str]:
    """Return the standardised column of each part, (rows, 1), or (rows, 2) with an indicator of missing values; and a note.

    Raises:
        DataError: a value is infinite, or a logarithm is undefined.
    """
    values, notes = column.values, [column.note]
    finite(column, f"{{}} treats it as missing, {override('drop', [column.name])} leaves the column out")
    if column.name in options.logarithm:
        values = _logarithm(column)
        notes.append("log(1 + x)")
    values, origin = shifted(values)
    missing = values.is_null().to_numpy()
    if missing.any():
        middle = float(values.gather(parts[0]).median())  # pyright: ignore[reportArgumentType]
        notes.append(f"median {middle + origin:.6g} for {int(missing.sum())} missing value{'s' if missing.sum() > 1 else ''}")
        values = values.fill_null(middle)
    array = values.to_numpy()
    scaled, deviation = standardised(*(array[rows, None] for rows in parts))
    if not deviation[0]:
        notes.append("constant in train: 0")
    representable(column.name, scaled, parts)
    if missing.any():
        indicator = standardised(*(missing[rows, None].astype(np.float64) for rows in parts))[0]
        scaled = [np.concatenate(pair, axis=1) for pair in zip(scaled, indicator, strict=True)]
    return scaled, "; ".join(filter(None, notes))


def shifted(values: pl.Series) -> tuple[pl.Series, int]:
    """Return `values` as float64, and an offset that is subtracted from integers which float64 would round."""
    least, largest = values.min(), values.max()
    if not isinstance(least, int) or not isinstance(largest, int) or largest - least >= 2**62:  # the difference may overflow
        return values.cast(pl.Float64), 0
    return (values - pl.Series([least], dtype=values.dtype)).cast(pl.Float64), least


def category_codes(values: pl.Series, train: Rows) -> tuple[NDArray[np.int64], int]:
    """Return a code for each row, and the number of categories in train.

    Codes are 1, 2, ... in the order of the strings, then one for missing values if train has any; 0: not in train.
    """
    seen = values.gather(train)
    known = seen.drop_nulls().unique().sort()
    count = len(known) + bool(seen.null_count())
    table = pl.DataFrame({"text": known, "code": np.arange(1, len(known) + 1)})
    codes = values.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")["code"]
    codes = codes.fill_null(0).to_numpy().copy()
    codes[values.is_null().to_numpy()] = count if seen.null_count() else 0
    return codes, count


def finite(column: Column, fix: str) -> None:
    """Check that `column` has no infinite value.

    Args:
        column: a column of numbers.
        fix: the end of the message, with a placeholder {} for data.missing=...

    Raises:
        DataError: it has one.
    """
    if not column.values.dtype.is_float():
        return
    bad = column.values.is_infinite().fill_null(False)
    if bad.any():
        places = bad.arg_true().to_list()
        values = column.values.filter(bad).unique(maintain_order=True).to_list()
        rows = ", ".join(str(place + 1) for place in places[:SHOWN]) + (", ..." if len(places) > SHOWN else "")
        where = f"row {rows}" if len(places) == 1 else f"{len(places)} rows ({rows})"
        raise DataError(
            f"{column.name} is {' or '.join(map(str, values))} in {where}: {fix.format(override('missing', values))}"
        )


def _logarithm(column: Column) -> pl.Series:
    values = column.values.cast(pl.Float64)
    least = values.min()
    if isinstance(least, float) and least < 0:
        row = int(values.arg_min() or 0) + 1
        raise DataError(
            f"{override('logarithm', [column.name])}: log(1 + x) needs values >= 0, but the minimum of {column.name} is "
            f"{least:g} (row {row}): remove it from data.logarithm, or {override('missing', [least])} if it means missing"
        )
    return values.log1p()


def representable(name: str, scaled: Sequence[Part], parts: Sequence[Rows]) -> None:
    """Check that standardised values (rows, 1) fit into float32.

    Raises:
        DataError: one exceeds the largest float32.
    """
    for part, rows in zip(scaled, parts, strict=True):
        bad = np.abs(part[:, 0]) > np.finfo(np.float32).max
        if bad.any():
            row = int(rows[bad.argmax()]) + 1
            raise DataError(
                f"{name} is so far from train's values in row {row} that float32 cannot represent it: "
                f"correct the cell, or {override('missing', ['...'])} with its value"
            )
