"""Observations: the values of a quantity, by arm, value of the grid's key and seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

Seeds = Mapping[int, float | None]  # seed -> value; None: the run diverged, or the quantity is undefined


class Row(NamedTuple):
    """One value of a run."""

    arm: str
    x: float | None
    seed: int
    value: float | None


@dataclass(frozen=True)
class Observations:
    """The values on which a check is evaluated.

    Args:
        rows: in the order of the frame.
    """

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, values: pl.DataFrame) -> Observations:
        """Return the observations of a frame with the columns arm, x, seed and value; see `checks.evaluate`.

        Values that are null, NaN or infinite become None.
        """
        found = values.select("arm", "x", "seed", "value").iter_rows()
        return cls(tuple(Row(arm, _finite(x), seed, _finite(value)) for arm, x, seed, value in found))

    @property
    def arms(self) -> list[str]:
        """The arms in the order of their first row."""
        return list(dict.fromkeys(row.arm for row in self.rows))

    def points(self, arm: str) -> dict[int, list[Row]]:
        """Return the rows of an arm by seed, in ascending order of x; rows without x are left out."""
        rows = sorted((row for row in self.rows if row.arm == arm and row.x is not None), key=lambda row: (row.seed, row.x))
        return {seed: [row for row in rows if row.seed == seed] for seed in dict.fromkeys(row.seed for row in rows)}

    def by_x(self, arm: str) -> dict[float | None, Seeds]:
        """Return the values of an arm by seed for each x, in ascending order of x.

        Raises:
            ValueError: two rows have the same arm, x and seed.
        """
        found: dict[float | None, dict[int, float | None]] = {}
        for row in self.rows:
            if row.arm == arm:
                seeds = found.setdefault(row.x, {})
                if row.seed in seeds:
                    raise ValueError(f"{arm} has several values at x = {row.x} for the seed {row.seed}")
                seeds[row.seed] = row.value
        return dict(sorted(found.items(), key=lambda item: -math.inf if item[0] is None else item[0]))

    def at_each_x(self, arms: Sequence[str]) -> Iterator[tuple[float | None, list[Seeds]]]:
        """Yield each x that all arms have, with the values of each arm.

        An arm without x is the same at every x: it is compared with the others at each of theirs. If there is no common x,
        nothing is yielded.
        """
        tables = [self.by_x(arm) for arm in arms]
        with_x = [table for table in tables if set(table) != {None}]
        common = [x for x in (with_x[0] if with_x else {None: None}) if all(x in table for table in with_x)]
        for x in common:
            yield x, [table[x if x in table else None] for table in tables]

    def unmatched(self, arms: Sequence[str]) -> list[float]:
        """Return the x that some of the arms have and others, which have x, lack."""
        tables = [xs for arm in arms if (xs := set(self.by_x(arm))) != {None}]
        return sorted(x for x in set().union(*tables) if x is not None and not all(x in xs for xs in tables))


def at(label: str, x: float | None) -> str:
    """Return a label with its x: "adam at 64"."""
    return label if x is None else f"{label} at {x:g}"


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
