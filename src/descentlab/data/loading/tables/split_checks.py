"""Checks of the splits of a table before training: sizes, classes and shared rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.cutting import Rows
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import count

SHOWN = 5


def check_parts(parts: Mapping[str, Rows], together: Rows, options: Options, fractions: tuple[float, float]) -> list[str]:
    """Return warnings about the sizes of the splits.

    Args:
        parts: train, valid and test -> row numbers.
        together: (rows,), see kept_together.
        options: the table's options.
        fractions: the fractions of test and valid.

    Raises:
        DataError: a split is empty, or has the wrong size because a group is too large.
    """
    if empty := [name for name, rows in parts.items() if not len(rows)]:
        raise DataError(_empty(empty, together, options))
    wanted = _wanted(parts, options, fractions)
    wrong = [name for name, rows in parts.items() if not wanted[name] / 2 - 1 <= len(rows) <= 2 * wanted[name] + 2]
    largest = int(np.bincount(together).max())
    if wrong and largest > max(2, 0.1 * len(together)):
        name = wrong[0]
        sizes = f"{name} has {count(len(parts[name]), 'row')} instead of about {wanted[name]:.0f}"
        if options.group is not None:
            fix = f"data.group={options.group} has a group of {largest} of {len(together)} rows, which is never split"
            raise DataError(f"{fix}, so {sizes}: choose a finer data.group, data.group=null, or different fractions")
        fix = "identical rows are never split: add a column that distinguishes them, or give a test split by data.test_rows"
        raise DataError(f"{largest} of {len(together)} rows are identical, so {sizes}; {fix}")
    sizes = [f"{name} has {count(len(parts[name]), 'row')} instead of about {wanted[name]:.0f}." for name in wrong]
    return [*sizes, *_tiny(parts), *_shared(parts, together, options)]


def check_classes(parts: Mapping[str, Rows], classes: NDArray[np.str_], options: Options) -> list[str]:
    """Return a warning for each split that lacks a class.

    Args:
        parts: train, valid and test -> row numbers.
        classes: (rows,), the target.
        options: the table's options.

    Raises:
        DataError: train lacks a class.
    """
    every, counts = np.unique(classes, return_counts=True)
    warnings: list[str] = []
    for name, rows in parts.items():
        lacking = [(value, count) for value, count in zip(every, counts, strict=True) if value not in set(classes[rows])]
        if not lacking:
            continue
        some = ", ".join(f"{value} ({count} in all)" for value, count in lacking[:SHOWN])
        more = ", ..." if len(lacking) > SHOWN else ""
        if name == "train":
            cause = (
                f"data.group={options.group}" if options.group is not None else "data.test_rows" if options.test_rows else ""
            )
            fix = f"{cause} puts all its rows into another split: change it, or " if cause else ""
            raise DataError(
                f"train has no row of the class {some}{more} of {options.target}: {fix}add rows of it, or remove those it has"
            )
        undefined = "metrics that need every class, such as auroc, are undefined there"
        warnings.append(f"{name} has no row of the class {some}{more} of {options.target}: {undefined}.")
    return warnings


def _wanted(parts: Mapping[str, Rows], options: Options, fractions: tuple[float, float]) -> dict[str, float]:
    total = sum(map(len, parts.values()))
    test = len(parts["test"]) if options.test_rows else fractions[0] * total
    valid = fractions[1] * (total - test)
    return {"train": total - test - valid, "valid": valid, "test": test}


def _empty(empty: list[str], together: Rows, options: Options) -> str:
    groups = len(np.unique(together))
    what = f"{' and '.join(empty)} would have no rows: the table has {count(len(together), 'row')}"
    if options.group is not None:
        return f"{what} in {count(groups, 'group')} of data.group={options.group}, which are never split: choose a finer group"
    if groups < len(together):
        return f"{what}, of which {groups} are distinct, and identical rows are never split: add rows"
    if len(together) < 3:
        return f"{what}, and each of train, valid and test needs at least one: add rows"
    fraction = {"test": "data.test_fraction", "valid": "data.valid_fraction"}.get(empty[0], "data.test_fraction")
    return f"{what}, and each of train, valid and test needs at least one: add rows, or change {fraction}"


def _tiny(parts: Mapping[str, Rows]) -> Iterator[str]:
    for name in ("valid", "test"):
        if len(parts[name]) == 1:
            yield f"{name} has a single row: metrics such as r2 are undefined there, and others are unreliable."


def _shared(parts: Mapping[str, Rows], together: Rows, options: Options) -> Iterator[str]:
    """Yield a warning if a published test split shares rows or groups with train or valid."""
    if options.test_rows:
        rest = together[np.concatenate([parts["train"], parts["valid"]])]
        if shared := int(np.isin(together[parts["test"]], rest).sum()):
            what = "a group" if options.group is not None else "identical rows"
            yield f"The published test split shares {what} with train or valid in {count(shared, 'row')}."
