"""Split the rows of a table into train, valid and test: stratified by class, identical rows and groups kept together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Rows = NDArray[np.int64]
TOLERANCE = 0.05  # fraction of all rows; if a prefix of the groups misses the size by more, groups are chosen by size


def kept_together(content: pl.DataFrame, group: pl.Series | None) -> Rows:
    """Return a label for each row, equal for rows that must be in the same split.

    These are rows with identical `content`, rows of one group, and rows that are connected through both. A row without a
    group forms a separate group.

    Args:
        content: the columns that are compared.
        group: (rows,), null for rows without a group; None: there are no groups.
    """
    same = _first_of_kind(content)
    together = same
    if group is not None:
        first = _first_of_kind(group.to_frame())
        together = np.where(group.is_null().to_numpy(), np.arange(len(first)), first)
    links = coo_array((np.ones(len(same)), (same, together)), shape=(len(same), len(same)))
    return connected_components(links, directed=False)[1][together]


def _first_of_kind(frame: pl.DataFrame) -> Rows:
    """Return, for each row, the number of the first row that is equal to it."""
    if not frame.width:
        return np.arange(frame.height)
    plain = frame.rename({name: str(position) for position, name in enumerate(frame.columns)})
    return plain.with_row_index("row").select(pl.first("row").over(plain.columns)).to_series().to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Cut:
    """A rule for splitting rows at random.

    Args:
        together: (rows,), equal labels for rows that must be in the same split (see kept_together).
        classes: (rows,), the class of each row, to stratify by; None: no stratification.
        seed: seed of the permutation of the groups.
    """

    together: Rows
    classes: NDArray[Any] | None
    seed: int

    def split_off(self, rows: Rows, fraction: float, min_remaining: int) -> tuple[Rows, Rows]:
        """Split off about `fraction` of `rows`; return these and the rest, each shuffled.

        Args:
            rows: row numbers.
            fraction: fraction of `rows` to split off; with classes, of each class. A group's class is that of most of its rows.
            min_remaining: the least number of groups of a class that remain, if it has more.
        """
        _, group_of = np.unique(self.together[rows], return_inverse=True)
        count = int(group_of.max(initial=-1)) + 1
        rank = np.empty(count, np.int64)
        rank[np.random.default_rng(self.seed).permutation(count)] = np.arange(count)
        ranks, sizes = rank[group_of], np.bincount(rank[group_of], minlength=count)
        chosen = np.zeros(count, bool)
        for members in self._strata(rows, ranks, count):
            chosen[members[choose(sizes[members], fraction, min_remaining)]] = True
        order = np.argsort(ranks, kind="stable")
        off = chosen[ranks[order]]
        return rows[order[off]], rows[order[~off]]

    def _strata(self, rows: Rows, ranks: Rows, count: int) -> list[Rows]:
        """Return the ranks of the groups of each class."""
        if self.classes is None:
            return [np.arange(count)]
        values, classes = np.unique(self.classes[rows], return_inverse=True)
        pairs, votes = np.unique(ranks * len(values) + classes, return_counts=True)
        groups, voted = np.divmod(pairs, len(values))
        first = np.lexsort((voted, -votes, groups))  # by group, the most votes first, then the first class
        major = voted[first[np.unique(groups[first], return_index=True)[1]]]
        order = np.argsort(major, kind="stable")
        return np.split(order, np.searchsorted(major[order], np.arange(1, len(values))))


def choose(sizes: Rows, fraction: float, min_remaining: int) -> NDArray[np.bool_]:
    """Return a mask of the groups that are split off, with about `fraction` of all rows.

    A prefix of the groups is chosen; if it misses the wanted size by far because of a large group, groups that fit are chosen
    instead. At least one group is split off and `min_remaining` remain. Exception: of two groups one is split off regardless of
    `min_remaining`; a single group is never split off.

    Args:
        sizes: (groups,), the number of rows of each group, in random order.
        fraction: fraction of the rows.
        min_remaining: the least number of groups that remain.
    """
    count = len(sizes)
    most = max(count - min_remaining, 1 if count == 2 and min_remaining else 0)
    if most < 1:
        return np.zeros(count, bool)
    wanted, total = fraction * sizes.sum(), sizes.cumsum()
    end = int(np.abs(total - wanted).argmin()) + 1
    prefix = np.arange(count) < min(end, most)
    if count > 2 and abs(sizes[prefix].sum() - wanted) > max(TOLERANCE * sizes.sum(), 1):
        fitting = _fill(sizes, wanted, most)
        if fitting.any() and abs(sizes[fitting].sum() - wanted) < abs(sizes[prefix].sum() - wanted):
            return fitting
    return prefix


def _fill(sizes: Rows, wanted: float, most: int) -> NDArray[np.bool_]:
    chosen, total = np.zeros(len(sizes), bool), 0
    for position, size in enumerate(sizes):
        if chosen.sum() < most and abs(total + size - wanted) < abs(total - wanted):
            chosen[position], total = True, total + size
    return chosen


def three_parts(cut: Cut, rows: Rows, published: Rows | None, fractions: tuple[float, float]) -> tuple[Rows, Rows, Rows]:
    """Return the row numbers of train, valid and test.

    Args:
        cut: the rule.
        rows: all row numbers.
        published: the row numbers of a published test split; None: test is split off at random.
        fractions: test, of all rows; valid, of the rows that are not test.
    """
    test, rest = (published, np.setdiff1d(rows, published)) if published is not None else cut.split_off(rows, fractions[0], 2)
    valid, train = cut.split_off(rest, fractions[1], 1)
    return train, valid, test
