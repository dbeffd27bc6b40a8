"""The target of a table: a standardised number, a binary label (1.0 or 0.0), or a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.columns import Column, as_strings, equal_to
from descentlab.data.loading.tables.cutting import Rows
from descentlab.data.loading.tables.datetimes import TRUTH
from descentlab.data.loading.tables.design import finite, representable, shifted
from descentlab.data.loading.tables.number_text import parse_numbers
from descentlab.data.loading.tables.options import Options, Scalar
from descentlab.data.loading.tables.overrides import count, override, shortened
from descentlab.data.loading.tables.scaling import standardised

SHOWN, FEW = 5, 10
OTHER_TRUTH = {"0": "false", "1": "true", "false": "0", "true": "1"}


@dataclass(frozen=True)
class Target:
    """The target of all rows: numbers (float64), or codes of `classes` (int64), and a note that describes it."""

    values: NDArray[Any]
    classes: list[str]
    note: str

    @property
    def labels(self) -> NDArray[np.str_] | None:
        """The class of each row; None for numbers."""
        return np.array(self.classes)[self.values] if self.classes else None

    def parts(self, rows: Sequence[Rows], name: str) -> tuple[list[NDArray[Any]], float]:
        """Return the target of each part, and its standard deviation in train, in the original unit.

        Raises:
            DataError: the numbers of train are all equal.
        """
        if self.classes:
            return [self.values[part] for part in rows], 1.0
        scaled, deviation = standardised(*(self.values[part, None] for part in rows))
        if not deviation[0]:
            value = self.values[rows[0][0]]
            raise DataError(f"data.target={name} is {value:g} in every row of train: there is nothing to learn from it")
        representable(name, scaled, rows)
        return scaled, float(deviation[0])


def read_target(raw: pl.Series, column: Column | None, options: Options) -> Target:
    """Read the target.

    Args:
        raw: the target in the table.
        column: the target as read by read_columns; None unless for regression.
        options: the table's options.

    Raises:
        DataError: cells are missing, infinite or not numeric, or the values contradict data.kind or data.positive.
    """
    if raw.dtype.is_nested() or raw.dtype in (pl.Binary, pl.Object):
        raise DataError(f"data.target={raw.name} holds neither numbers nor strings: choose another column")
    return _classes(raw, options) if column is None else _number(raw, column, options)


def _number(raw: pl.Series, column: Column, options: Options) -> Target:
    _complete(column.values, raw)
    if not column.is_number or column.note == TRUTH:
        found = as_strings(raw, options).unique().sort().to_list()
        binary = f"data.kind=binary {override('positive', found[-1])} task=binary"
        fix = binary if len(found) == 2 else "data.kind=classes task=classification"
        raise DataError(f"data.target={raw.name} is not numeric: {fix}?")
    finite(column, "correct or remove the row, since a target must not have missing values")
    return Target(shifted(column.values)[0].to_numpy(), [], column.note)


def _classes(raw: pl.Series, options: Options) -> Target:
    strings = as_strings(raw, options)
    _complete(strings, raw)
    parsed = parse_numbers(strings)
    if parsed.whole:
        finite(Column(raw.name, parsed.values, True), "correct or remove the row, since a target must not have missing values")
    numbers = dict(zip(strings, parsed.values, strict=True)) if parsed.whole else {}
    values = sorted(strings.unique().to_list(), key=lambda text: (numbers.get(text, 0.0), text))
    if options.kind == "binary":
        positive = _positive(values, options.positive)
        if positive is None or len(values) != 2:
            raise DataError(_not_binary(raw.name, values, options.positive))
        values.sort(key=lambda value: value == positive)
    _check_count(raw.name, values, len(strings), parsed.whole)
    codes = strings.replace_strict(values, list(range(len(values))), return_dtype=pl.Int64).to_numpy()
    some = ", ".join(map(shortened, values[:SHOWN])) + (", ..." if len(values) > SHOWN else "")
    return Target(codes, values, f"{values[1]} is 1" if options.kind == "binary" else f"{len(values)} classes: {some}")


def _check_count(name: str, values: Sequence[str], rows: int, numeric: bool) -> None:
    if len(values) < 2:
        raise DataError(f"data.target={name} is {values[0]} in every row: there is nothing to learn from it")
    if len(values) > max(FEW, rows / 2):
        fix = "it looks like a number: data.kind=regression task=regression" if numeric else "choose another data.target"
        raise DataError(f"data.kind=classes: the target {name} has {len(values)} classes in {rows} rows: {fix}")


def _complete(values: pl.Series, raw: pl.Series) -> None:
    if values.null_count():
        places = values.is_null().arg_true().to_list()
        rows = ", ".join(str(place + 1) for place in places[:SHOWN]) + (", ..." if len(places) > SHOWN else "")
        rest = "; a label of -1 in a data set of the hub is a missing one" if raw.dtype == pl.Enum else ""
        raise DataError(
            f"data.target={raw.name} is missing in {count(len(places), 'row')} ({rows}): remove these rows first{rest}"
        )


def _positive(values: Sequence[str], positive: Scalar | None) -> str | None:
    """Return the one of `values` that equals data.positive, or None; 1 equals 1.0, and true if the values are truth values."""
    if positive is None:
        return None
    candidates = (positive, OTHER_TRUTH.get(str(positive).strip().lower().removesuffix(".0")))
    strings = pl.Series(values, dtype=pl.String)
    found = [strings.filter(equal_to(strings, each)).to_list() for each in candidates if each is not None]
    return next((strings[0] for strings in found if strings), None)


def _not_binary(name: str, values: Sequence[str], positive: Scalar | None) -> str:
    if len(values) != 2:
        some = ", ".join(map(shortened, values[:8]))
        fix = ": data.kind=classes task=classification" if len(values) > 2 else ""
        return f"data.kind=binary: the target {name} has {count(len(values), 'value')}, not two ({some}){fix}"
    quote = "; in YAML yes, no, on and off need quotes" if isinstance(positive, bool) else ""
    fix = " or ".join(override("positive", value) for value in values)
    if positive is None:
        return f"data.positive=null, but a binary target needs the one of its values that is 1: {fix}"
    return f"{override('positive', positive)} is not a value of the target {name}: {fix}{quote}"
