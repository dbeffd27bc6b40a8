"""Rows that a rule has not seen yet, and means and medians over rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from statistics import median
from typing import TypeVar

from descentlab.diagnostics.alerts.alert import History, Row

T = TypeVar("T")


class Unseen:
    """Yields each element of a growing collection once, in order, so that a rule reads every row once.

    What a rule finds then depends on the rows alone, not on when it is called: a resumed run gives the alerts of an
    uninterrupted one.
    """

    def __init__(self) -> None:
        self.count = 0

    def of(self, elements: Collection[T]) -> Iterator[tuple[int, T]]:
        """Yield the position and the value of each element that was not yielded before."""
        for element in list(islice(elements, self.count, None)):
            self.count += 1
            yield self.count - 1, element


class LargestRatio:
    """The largest ratio of update to weights so far: of each measured step a value over layers, and of these the largest.

    `second` is the second largest value: two measured steps have reached it.

    Layers whose weights are zero at the first measured step have no ratio there, and are left out at all steps.

    Args:
        over_layers: median or max.
    """

    def __init__(self, over_layers: Callable[[Sequence[float]], float] = median) -> None:
        self.over_layers = over_layers
        self.unseen, self.waiting = Unseen(), deque[tuple[int, float]]()
        self.layers: set[str] | None = None
        self.largest: float | None = None
        self.second = 0.0

    def until(self, history: History, step: int) -> float | None:
        """Return it for the steps up to `step`, which does not decrease from call to call; None if none was measured."""
        for _, (measured, quantities) in self.unseen.of(history.layers.items()):
            found = {layer: ratio for layer, ratio in quantities.get("update_ratio", {}).items() if ratio is not None}
            self.layers = set(found) if self.layers is None else self.layers
            if ratios := [ratio for layer, ratio in found.items() if layer in self.layers]:
                self.waiting.append((measured, self.over_layers(ratios)))
        while self.waiting and self.waiting[0][0] <= step:
            value, before = self.waiting.popleft()[1], self.largest or 0.0
            self.largest, self.second = max(before, value), max(self.second, min(before, value))
        return self.largest


def large_update(history: History, step: int, least: float = 0.1) -> float | None:
    """Return the largest ratio of update to weights, a median over layers, before `step`; None if it is below `least`."""
    found = LargestRatio().until(history, step - 1)
    return found if found is not None and found >= least else None


def mean_loss(rows: Sequence[Row]) -> float:
    """Return the mean of the training losses of `rows`."""
    return sum(row["train/loss"] / len(rows) for row in rows)  # finite wherever the losses are
