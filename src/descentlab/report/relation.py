"""The clause of a statement that compares the best entry with the reference."""

from __future__ import annotations

from descentlab.report.answer import Answer, Entry, Pair
from descentlab.report.execution import reason_against_seconds
from descentlab.report.formats import format_p, format_range
from descentlab.report.names import name_other
from descentlab.report.pairs import ONE_SEED
from descentlab.report.selection import is_lost, seed_key
from descentlab.report.series import format_statuses
from descentlab.report.statistics.difference import Paired, Unpaired
from descentlab.report.statistics.equivalence import Kind


def relation(answer: Answer) -> str:
    """Return a clause such as "better than adam (lr=0.01) by 0.006 [0.002, 0.010] (paired t, p = 0.01, n = 5 pairs)".

    It is about the best entry, also where that is the reference. "" if there is no other entry.
    """
    pair = answer.headline
    if pair is None:
        return ""
    other = pair.other if pair.entry is answer.best else pair.entry
    if pair.logrank is not None:
        return _by_logrank(answer, other, pair)
    if pair.difference is None or pair.conclusion is None:
        return _without_statistics(answer, other, pair)
    name, sign = name_other(other), 1 if pair.entry is answer.best else -1
    kind = pair.conclusion.kind
    if kind is Kind.EQUAL:
        return f"practically equal to {name}: {_equal(pair, sign, answer)}"
    if kind is Kind.UNDECIDED:
        return f"not distinguishable from {name} with {_seeds(pair)}: {_undecided(pair, sign, answer)}"
    better = (kind is Kind.BETTER) == (sign > 0)
    shown = format_difference(pair.difference, sign if better else -sign)
    word = answer.by.comparative if better else answer.by.opposite
    return f"{word} than {name} by {shown} ({describe_test(pair, answer)}, {_seeds(pair)})"


def format_difference(difference: Paired | Unpaired, sign: int = 1) -> str:
    """Return a difference with its interval, such as "0.006 [0.002, 0.010]"; `sign` -1 exchanges the two sides."""
    ends = sorted((sign * difference.low, sign * difference.high))
    if not difference.error:
        return f"{sign * difference.difference + 0.0:.4g} (equal in all {difference.n})"
    return "{} [{}, {}]".format(*format_range([sign * difference.difference, *ends]))


def _seeds(pair: Pair) -> str:
    """Return the number of pairs or of independent seeds, and the number of seeds that were left out for lack of a result."""
    found = pair.difference
    if isinstance(found, Unpaired):
        shown = f"n = {found.n_first} and {found.n_second} seeds, not paired"
    else:
        shown = f"n = {found.n if found else 0} pairs"
    runs = [*pair.entry.series.runs, *pair.other.series.runs]
    lacking = len({seed_key(run.config) for run in runs if not run.status.is_result})
    return shown + (f", {lacking} seed{'s' if lacking > 1 else ''} without a result left out" if lacking else "")


def describe_test(pair: Pair, answer: Answer) -> str:
    """Return the test and its p-value, such as "paired t, p = 0.01"."""
    if pair.p is None or pair.difference is None:
        return ""
    return f"{pair.difference.method}, {format_p(pair.p)}{_correction(answer)}"


def _correction(answer: Answer, separator: str = " ") -> str:
    return f"{separator}corrected for {answer.comparisons} comparisons" if answer.comparisons > 1 else ""


def _equal(pair: Pair, sign: int, answer: Answer) -> str:
    """Return the difference with the interval that decides, which is that of two one-sided tests."""
    assert pair.difference is not None
    assert pair.conclusion is not None
    difference, level = pair.difference, pair.conclusion.level_equal
    if not difference.error and not difference.difference:
        return _no_difference(difference)
    shown = format_difference(difference.at_level(level), sign)
    interval = f" ({100 * level:.3g} % interval)" if difference.error else ""
    detail = f"{_seeds(pair)}{_correction(answer, ', ')}"
    return f"difference {shown}{interval}, within the margin of {pair.conclusion.margin:.2g} ({detail})"


def _no_difference(difference: Paired | Unpaired) -> str:
    if isinstance(difference, Paired):
        return f"no difference in any of {difference.n} pairs"
    return f"all {difference.n_first} and {difference.n_second} values are equal"


def _undecided(pair: Pair, sign: int, answer: Answer) -> str:
    assert pair.difference is not None
    assert pair.conclusion is not None
    found, shown = pair.conclusion, f"difference {format_difference(pair.difference, sign)}"
    test = f"{describe_test(pair, answer)}; "
    if not pair.difference.error and not pair.difference.difference:
        shown, test = _no_difference(pair.difference), ""
    if found.needed is None:
        return f"{shown} ({describe_test(pair, answer)})"
    purpose = " to show that they are practically equal" if found.needed_for is Kind.EQUAL else ""
    return f"{shown} ({test}{format_needed(found.needed)}{purpose})"


def format_needed(n: int) -> str:
    """Return the number of seeds of each optimizer that would decide a comparison: "about 68 seeds would do"."""
    return f"about {n:,} seeds would do"


def _by_logrank(answer: Answer, other: Entry, pair: Pair) -> str:
    assert pair.logrank is not None
    curve = other.survival
    reached = f", which reaches it in {curve.reached} of {curve.n}" if curve is not None else ""
    p = pair.logrank.p_permutation if pair.p is None else pair.p
    earlier = (pair.logrank.statistic > 0) == (pair.entry is answer.best)
    floor, name = logrank_floor(pair, answer), name_other(other)
    word = "not distinguishable from" if p >= 0.05 else "earlier than" if earlier else "later than"
    return f"{word} {name}{reached} (logrank test, {format_p(p)}{_correction(answer)}{f'; {floor}' if floor else ''})"


def logrank_floor(pair: Pair, answer: Answer) -> str:
    """Return a clause with the least corrected p-value of a logrank test if no outcome is significant; otherwise ""."""
    if pair.logrank is None:
        return ""
    least = min(1.0, pair.logrank.p_attainable * max(answer.comparisons, 1))
    n, m = (sum(run.status.is_result for run in entry.series.runs) for entry in (pair.entry, pair.other))
    return f"{n} and {m} runs cannot give p below {least:.2g}" if least >= 0.05 else ""


def _without_statistics(answer: Answer, other: Entry, pair: Pair) -> str:
    """Return the difference of the means without an interval, or the reason why there is none.

    If runs diverged, there is no difference: the means are those of the other runs only. Seconds of single and of fused runs
    have none either.
    """
    best, name = answer.best.estimate, name_other(other)
    if best is None or other.estimate is None:
        ended = format_statuses(other.series.runs)
        return f"{other.name} has no value to compare with ({ended if not other.completed else pair.reason})"
    both = [entry.series for entry in (pair.entry, pair.other)]
    if any(is_lost(run, answer.by) for series in both for run in series.runs) or reason_against_seconds(both, answer.by):
        return f"not tested against {name} ({pair.reason})"
    gap = best.mean - other.estimate.mean if answer.mode == "max" else other.estimate.mean - best.mean
    reason = "" if pair.reason == ONE_SEED else f" ({pair.reason})"
    if gap == 0:
        return f"as {name} does{reason}"
    return f"{abs(gap):.3g} {answer.by.comparative if gap > 0 else answer.by.opposite} than {name}{reason}"
