"""The statement of an answer: one or two sentences that name the best optimizer, the difference, its certainty and the cost.

The same text is shown on the console, on the page, in table.md and in the output of scripts/compare.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.answer import Answer, Entry
from descentlab.report.formats import format_duration, format_estimate
from descentlab.report.names import name_best
from descentlab.report.relation import relation
from descentlab.report.series import format_statuses
from descentlab.store.record import Record, Status

MAX_NAMES = 4


def statement(answer: Answer) -> str:
    """Return the statement of one comparison."""
    best = answer.best
    if best.estimate is None:
        return f"{_without_value(answer)}; {_cost(answer)}."
    parts = [_result(answer, best), relation(answer), _effort(answer.entries)]
    text = f"{', '.join(filter(None, parts))}; {_cost(answer)}."
    return " ".join(filter(None, [text, _ended_early(answer.entries), _preliminary(answer)]))


def _result(answer: Answer, entry: Entry) -> str:
    """Return a clause such as "adam (lr=0.003) reaches 0.981 [0.978, 0.984] test accuracy (n = 5)"."""
    by, value, name = answer.by, entry.estimate, name_best(entry)
    assert value is not None
    shown = format_estimate(value, by.format)
    if by.censored and entry.survival is not None:
        curve = entry.survival
        target = f"the target{_target(answer)} in {curve.reached} of {curve.n} runs"
        within = curve.reached == curve.n and max(curve.times) <= curve.horizon
        restricted = "" if within else f", a mean restricted to {by.format(curve.horizon)}"
        interval = " (no interval)" if value.low is None else ""
        return f"{name} reaches {target}, after {shown} {by.unit}{interval}{restricted}"
    headline = answer.headline
    known = headline is not None and headline.difference is not None and headline.difference.n == value.n
    seeds = " with one seed (no interval)" if value.n == 1 else "" if known else f" (n = {value.n})"
    return f"{name} {'takes' if by.unit else 'reaches'} {shown} {by.unit or by.label}{seeds}"


def _target(answer: Answer) -> str:
    targets = answer.comparison.targets
    return f" {targets[0]:g}" if len(targets) == 1 else ""


def _effort(entries: Sequence[Entry]) -> str:
    """Return "after 16 trials each", or "at the best of 3 settings each" for a grid; "" if nothing was selected."""
    counts = [entry.candidates for entry in entries]
    if max(counts) < 2:
        return ""
    if all(entry.arm is not None for entry in entries):
        return f"after {_counts(entries, 'trial')}"
    if counts[0] < 2:
        several = [f"{entry.name} at the best of {entry.candidates}" for entry in entries if entry.candidates > 1]
        return f"with {join_words(several)} settings"
    return f"at the best of {_counts(entries, 'setting')}"


def _counts(entries: Sequence[Entry], unit: str) -> str:
    """Return the number of candidates of the first entry and those of the others, if they differ: "16 trials (adam 4)"."""
    count, others = entries[0].candidates, entries[1:]
    head = f"{count} {unit}{'s' if count > 1 else ''}"
    different = [entry for entry in others if entry.candidates != count]
    if not different:
        return f"{head} each" if others else head
    if len(different) == len(others) > 1 and len({entry.candidates for entry in others}) == 1:
        return f"{head} (the others {others[0].candidates} each)"
    return f"{head} ({join_words([f'{entry.name} {entry.candidates}' for entry in different])})"


def _cost(answer: Answer) -> str:
    total = answer.bill.total
    return f"{format_duration(total.train_seconds)} of training in {total.runs} run{'s' if total.runs > 1 else ''}"


def _ended_early(entries: Sequence[Entry]) -> str:
    """Return a sentence about the entries of which runs diverged or have no result; "" if there are none."""
    found = [
        f"{entry.name}: {format_statuses(entry.series.runs)}"
        for entry in entries
        if any(run.status is not Status.COMPLETED for run in entry.series.runs)
    ]
    more = f", and {len(found) - MAX_NAMES} more" if len(found) > MAX_NAMES else ""
    return f"Not all runs completed ({'; '.join(found[:MAX_NAMES])}{more})." if found else ""


def _preliminary(answer: Answer) -> str:
    """Return a sentence about the entries whose tuning is not complete; "" if there are none."""
    names = [entry.name for entry in answer.entries if entry.is_preliminary]
    if not names:
        return ""
    return (
        f"The tuning of {join_words(names)} is not complete: this is the best trial so far. Rerun the command to complete it."
    )


def seeds_override(answer: Answer, n: int) -> str:
    """Return the override of the command that trains `n` seeds."""
    return f"seeds={n}" if answer.is_tuned else f"'seed=range({n})'"


def _without_value(answer: Answer) -> str:
    """Return a clause that gives the reason why no entry has a value."""
    runs = [run for entry in answer.entries for run in entry.series.runs]
    names = join_words([entry.name for entry in answer.entries])
    completed = [run for run in runs if run.status is Status.COMPLETED]
    if not completed:
        if all(run.status is Status.DIVERGED for run in runs):
            return f"{_all(runs)} of {names} diverged: there is nothing to compare"
        return f"No run of {names} completed ({format_statuses(runs)}): there is nothing to compare"
    if answer.by.censored:
        return f"No run of {names} reached the target{_target(answer)}"
    missing = [run for run in completed if answer.by.get(run) is None]
    reason = next(filter(None, map(answer.by.reason, missing)), "it was not measured")
    return f"There is no {answer.by.label} of {names}: {reason} ({len(missing)} of {len(completed)} runs)"


def _all(runs: Sequence[Record]) -> str:
    return "The only run" if len(runs) == 1 else f"All {len(runs)} runs"


def join_words(words: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"; of many words the first few, and the number of the others."""
    if len(words) > MAX_NAMES + 1:
        words = [*words[:MAX_NAMES], f"{len(words) - MAX_NAMES} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
