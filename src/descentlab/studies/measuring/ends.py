"""Quantities of pairs of runs that are computed from the weights at their ends: distances, and barriers between them.

The runs keep their weights: checkpoint.keep=true is among the overrides of the arms. Torch is imported when such a quantity is
measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from descentlab.store.record import Status
from descentlab.studies.runs import Ended, Row

Pairs = Sequence[Sequence[str]]


def end_distance(ended: Sequence[Ended], pairs: Pairs) -> list[Row]:
    """Return the distance between the ends of the runs of two arms, divided by that of the first from its initial weights.

    Args:
        ended: the runs.
        pairs: pairs of arms. The values belong to the first arm of each, at the seeds and x that both have.

    Raises:
        ValueError: an element of `pairs` is not a pair of arms of the study.
        UsageError: the models of a pair differ, or a run did not keep its weights.
    """
    return [_row(first, _value(_distance, first, second)) for first, second in _partners(ended, pairs)]


def barrier(
    ended: Sequence[Ended], pairs: Pairs, split: Literal["train", "valid", "test"] = "train", points: int = 21
) -> list[Row]:
    """Return the height of the barrier of the loss on the line between the ends of the runs of two arms.

    It is the highest loss on the line minus the mean of the losses at its ends.

    Args:
        ended: the runs.
        pairs: as for `end_distance`.
        split: the data on which the loss is evaluated.
        points: the number of evaluations, ends included.

    Raises:
        ValueError: an element of `pairs` is not a pair of arms of the study.
        UsageError: the models of a pair differ, or a run did not keep its weights.
    """

    def measure(first: Path, second: Path) -> float:
        return _barrier(first, second, split, points)

    return [_row(first, _value(measure, first, second)) for first, second in _partners(ended, pairs)]


def _partners(ended: Sequence[Ended], pairs: Pairs) -> list[tuple[Ended, Ended]]:
    """Return the runs of each pair of arms with the same seed and values of `over`."""
    arms = list(dict.fromkeys(each.run.arm for each in ended))
    found: list[tuple[Ended, Ended]] = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2 or any(arm not in arms for arm in pair):
            raise ValueError(f"pairs: {pair} are not two of the arms {', '.join(arms)}")
        own, other = ({(each.run.seed, *each.run.over.values()): each for each in ended if each.run.arm == arm} for arm in pair)
        found += [(run, other[place]) for place, run in own.items() if place in other]
    return found


def _row(first: Ended, value: float) -> Row:
    return first.run.arm, first.run.x, first.run.seed, value


def _value(measure: Callable[[Path, Path], float], first: Ended, second: Ended) -> float:
    """Return the quantity of two runs; infinity if one of them diverged."""
    if Status.DIVERGED in (first.record.status, second.record.status):
        return math.inf
    return measure(first.record.folder, second.record.folder)


@cache  # several checks of a study use the same quantity
def _distance(first: Path, second: Path) -> float:
    from descentlab.training import end_distance, finished

    return end_distance.end_distance(finished.load_finished(first), finished.load_finished(second))


@cache
def _barrier(first: Path, second: Path, split: Literal["train", "valid", "test"], points: int) -> float:
    from descentlab.training import finished, landscape

    runs = (finished.load_finished(folder) for folder in (first, second))
    return float(landscape.connect(*runs, points=points, split=split)["barriers"]["loss"])
