"""Optimizers that were tuned with unequal effort: other numbers of trials, or more computation for as many trials."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Flag
from descentlab.report.bill import BillLine

ORDER = 25
MAX_RATIO = 1.5  # of gradient evaluations; trials that diverge early make small differences


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag if one entry had more trials than another, or spent over 1.5 times the gradient evaluations.

    The computation of an entry without a value is not compared: its runs ended early.
    """
    lines = answer.bill.lines
    tuned = sorted((line for line in lines if line.trials > 1), key=lambda line: line.trials)  # the others: untuned_baseline
    if tuned and tuned[0].trials != tuned[-1].trials:
        yield Flag("unequal_tuning", _trials(tuned[-1], tuned[0]), tuned[-1].name)
    if len({line.trials for line in lines}) != 1:
        return
    measured = {entry.name for entry in answer.entries if entry.estimate is not None}
    compared = [line for line in lines if line.name in measured] or lines
    cheapest, dearest = min(compared, key=_cost), max(compared, key=_cost)
    if _cost(cheapest) > 0 and _cost(dearest) > MAX_RATIO * _cost(cheapest):
        yield Flag("unequal_tuning", _evaluations(dearest, cheapest), dearest.name)


def _cost(line: BillLine) -> int:
    return line.gradient_evaluations


def _trials(most: BillLine, fewest: BillLine) -> str:
    return (
        f"Unequal tuning: {most.name} was selected among {most.trials} settings, {fewest.name} among {fewest.trials}. "
        f"Give every optimizer the same number of trials."
    )


def _evaluations(dearest: BillLine, cheapest: BillLine) -> str:
    ratio = _cost(dearest) / _cost(cheapest)
    return (
        f"Unequal computation: all runs of {dearest.name} took {_cost(dearest):,} gradient evaluations, "
        f"{ratio:.1f} times those of {cheapest.name} ({_cost(cheapest):,})."
    )
