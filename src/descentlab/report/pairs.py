"""Pairs: each entry of an answer against another one, over shared seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from descentlab.report.answer import Entry, Pair, count_comparisons
from descentlab.report.criterion import Criterion
from descentlab.report.execution import reason_against_seconds
from descentlab.report.selection import is_lost, values_by_seed
from descentlab.report.series import Series, format_statuses
from descentlab.report.statistics.difference import Paired, Unpaired
from descentlab.report.statistics.equivalence import conclude, level_of_one
from descentlab.report.statistics.logrank import LogRank, logrank
from descentlab.report.statistics.multiple import holm
from descentlab.report.statistics.paired import paired, unpaired
from descentlab.report.statistics.ranges import bounds_of
from descentlab.report.times import longest_time, times_to_target

ONE_SEED = "one seed each"


def make_pairs(
    entries: Sequence[Entry], reference: Entry | None, is_named: bool, by: Criterion, margin: float | None = None
) -> list[Pair]:
    """Return the pairs of an answer.

    The p-values are corrected by Holm's method for the number m of comparisons. The intervals of the differences are
    simultaneous, by Bonferroni's method: each has the level 1 - .05 / m, so that all of them hold together with 95 %. Power,
    the needed number of pairs and the test of equivalence are those at the same level, see `conclude`.

    Args:
        entries: the best first.
        reference: the entry that the others are compared with.
        is_named: True if the reference was asked for: each other entry is compared with it. Otherwise the best entry is
            compared with each other one.
        by: the number to compare.
        margin: the margin of equivalence in the unit of the number; None: `equivalence.default_margin`.
    """
    if reference is None:
        return []
    if is_named:
        sides = [(entry, reference) for entry in entries if entry is not reference]
    else:
        sides = [(entries[0], other) for other in entries[1:]]
    unlike = [reason_against_seconds([first.series, second.series], by) for first, second in sides]
    differences = [
        None if reason else compare_series(first.series, second.series, by)
        for (first, second), reason in zip(sides, unlike, strict=True)
    ]
    tests = [
        _logrank(first, second, by) if by.censored and not reason else None
        for (first, second), reason in zip(sides, unlike, strict=True)
    ]
    p_values = [None if both is None else both.p_t for both in differences]
    p_values = [test.p_permutation if test else p for test, p in zip(tests, p_values, strict=True)]
    comparisons = count_comparisons(sum(p is not None for p in p_values), is_named)
    adjusted = _adjusted(p_values, comparisons)
    pairs: list[Pair] = []
    for (first, second), both, test, p, against in zip(sides, differences, tests, adjusted, unlike, strict=True):
        shown = None if both is None or test else both.at_level(level_of_one(comparisons))
        conclusion = conclude(shown, margin, p_adjusted=p, comparisons=comparisons) if shown is not None else None
        reason = "" if both or test else against or _reason(first, second, by)
        pairs.append(Pair(first, second, shown, conclusion, p, reason, test))
    return pairs


def compare_series(first: Series, second: Series, by: Criterion) -> Paired | Unpaired | None:
    """Return the difference of two series over shared seeds, or that of independent samples.

    The seeds are paired if at least two, and at least half of those of the smaller series, are shared: otherwise a comparison
    over the shared ones would leave most values out. The rule depends on the seeds only, not on the values.

    Returns:
        None if a run diverged or lacks the number, since the difference of the others would be biased, or if there are fewer
        than two seeds.
    """
    sides = values_by_seed(first, by), values_by_seed(second, by)
    if None in sides[0].values() or None in sides[1].values():
        return None
    shared = sides[0].keys() & sides[1].keys()
    seeds = {key: index for index, key in enumerate(sorted(sides[0].keys() | sides[1].keys()))}
    x, y = (_indexed(side, seeds) for side in sides)
    compared = paired if len(shared) >= max(2, min(map(len, sides)) / 2) else unpaired
    return compared(x, y, by.mode, bounds=bounds_of(by.key))


def _indexed(values: Mapping[str, float | None], seeds: Mapping[str, int]) -> dict[int, float | None]:
    return {seeds[key]: value for key, value in values.items()}


def _logrank(first: Entry, second: Entry, by: Criterion) -> LogRank | None:
    """Return the logrank test of the times to target; None if all runs of both entries reached it, or none did."""
    longest = longest_time([first.series, second.series], by)
    times = times_to_target(first.series, by, longest), times_to_target(second.series, by, longest)
    return logrank(*times) if any(each.censored for each in times) else None


def _adjusted(p_values: Sequence[float | None], comparisons: int) -> list[float | None]:
    """Return the p-values after Holm's correction; None stays None and does not count."""
    adjusted = iter(holm([p for p in p_values if p is not None], comparisons))
    return [None if p is None else next(adjusted) for p in p_values]


def _reason(first: Entry, second: Entry, by: Criterion) -> str:
    """Return the reason why two entries have no statistics of their difference."""
    for entry in (second, first):
        if not entry.completed:
            return f"no run of {entry.name} completed ({format_statuses(entry.series.runs)})"
        lost = [run for run in entry.series.runs if is_lost(run, by)]
        if lost:
            return (
                f"{len(lost)} of {len(entry.series.runs)} runs of {entry.name} diverged; a test of the others would be biased"
            )
        missing = [run for run in entry.completed if by.get(run) is None]
        if missing:
            why = next(filter(None, map(by.reason, missing)), "was not measured" if not by.censored else "was not reached")
            return f"{by.label} of {entry.name} is missing in {len(missing)} of {len(entry.completed)} runs: {why}"
    single = [entry.name for entry in (first, second) if len(entry.completed) < 2]
    return ONE_SEED if len(single) == 2 else f"{single[0]} has one seed" if single else "no two seeds are comparable"
