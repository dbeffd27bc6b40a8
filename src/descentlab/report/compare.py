"""Compare the optimizers of each problem: select their settings, compare them over seeds, and add up the costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from descentlab.errors import UsageError, nearest
from descentlab.report.answer import Answer, entry_named
from descentlab.report.bill import make_bill, runs_of
from descentlab.report.criterion import COSTS, Criterion, make_criterion
from descentlab.report.load import Results
from descentlab.report.pairs import make_pairs
from descentlab.report.sceptic import find_flags
from descentlab.report.selection import entries
from descentlab.report.series import Comparison


def compare(results: Results, by: str | None = None, reference: str | None = None, margin: float | None = None) -> list[Answer]:
    """Return the answer for each comparison of `results`.

    Args:
        results: loaded sweeps.
        by: the number to compare, as in ``report.by``; None: the monitored metric on test data if there is one.
        reference: the name of the entry that the others are compared with; None: the best of the others.
        margin: differences below it are practically zero, in the unit of the number; None: half a standard deviation over
            seeds (`statistics.equivalence.default_margin`).

    Raises:
        UsageError: a comparison does not have this number, or none has this entry.
    """
    criteria = _criteria(results.comparisons, by)
    found = [compare_one(each, own, reference, margin) for each, own in zip(results.comparisons, criteria, strict=True)]
    answers = [answer for answer in found if answer is not None]
    names = list(dict.fromkeys(entry.name for answer in answers for entry in answer.entries))
    if reference and answers and reference not in names:
        raise UsageError(f"no optimizer is called {reference}: there are {', '.join(names)}{nearest(reference, names)}")
    return answers


def _criteria(comparisons: Sequence[Comparison], by: str | None) -> list[Criterion]:
    """Return the criterion of each comparison.

    Problems that lack the metric `by` use their monitored one of the same split; problems without a target, if a time to the
    target is asked for, their monitored metric.

    Raises:
        UsageError: no problem has it.
    """
    found: list[Criterion | UsageError] = []
    for comparison in comparisons:
        try:
            found.append(make_criterion(comparison, by))
        except UsageError as error:
            found.append(error)
    errors = [one for one in found if isinstance(one, UsageError)]
    if len(errors) == len(found) and errors:
        raise errors[0]
    split = (by or "").partition("/")[0]
    other = None if split in COSTS else split
    pairs = zip(comparisons, found, strict=True)
    return [make_criterion(each, other) if isinstance(one, UsageError) else one for each, one in pairs]


def compare_one(
    comparison: Comparison, criterion: Criterion | None = None, reference: str | None = None, margin: float | None = None
) -> Answer | None:
    """Return the answer of one comparison; None if it has no entry. See `compare` for the arguments.

    An entry called `reference` that this comparison lacks is ignored: the reference is then the best of the others.
    """
    criterion = criterion or make_criterion(comparison, None)
    found = entries(comparison, criterion)
    if not found:
        return None
    named = entry_named(found, reference) if reference else None
    chosen = named or (found[1] if len(found) > 1 else None)
    by_id = {run.id: run for run in comparison.all_runs}
    bill = make_bill(
        {entry.name: entry.candidates for entry in found},
        {entry.name: runs_of(entry.arm, [entry.series, *entry.alternatives], by_id) for entry in found},
        {run.id for one in comparison.trials if one.role == "superseded" for run in one.runs},
    )
    pairs = make_pairs(found, chosen, named is not None, criterion, margin)
    answer = Answer(comparison, criterion, found, chosen, pairs, bill, is_named=named is not None)
    return replace(answer, flags=find_flags(answer))
