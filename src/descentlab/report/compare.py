"""Compare the optimizers of each problem: select their settings, compare them over seeds, and add up the costs."""

from __future__ import annotations

from descentlab.errors import UsageError, nearest
from descentlab.report.answer import Answer, entry_named
from descentlab.report.bill import make_bill, runs_of
from descentlab.report.criterion import make_criterion
from descentlab.report.load import Results
from descentlab.report.selection import entries
from descentlab.report.series import Comparison


def compare(results: Results, by: str | None = None, reference: str | None = None) -> list[Answer]:
    """Return the answer for each comparison of `results`.

    Args:
        results: loaded sweeps.
        by: the number to compare, as in ``report.by``; None: the monitored metric on test data if there is one.
        reference: the name of the entry that the others are compared with; None: the best of the others.

    Raises:
        UsageError: no comparison has this number or this entry.
    """
    answers = [answer for each in results.comparisons if each.series and (answer := compare_one(each, by, reference))]
    if reference and answers and all(answer.reference is None for answer in answers if len(answer.entries) > 1):
        names = list(dict.fromkeys(entry.name for answer in answers for entry in answer.entries))
        raise UsageError(f"no optimizer is called {reference}: there are {', '.join(names)}{nearest(reference, names)}")
    return answers


def compare_one(comparison: Comparison, by: str | None = None, reference: str | None = None) -> Answer | None:
    """Return the answer of one comparison; None if it has no entry. See `compare` for the arguments."""
    criterion = make_criterion(comparison, by)
    found = entries(comparison, criterion)
    if not found:
        return None
    chosen = entry_named(found, reference) if reference else found[1] if len(found) > 1 else None
    by_id = {run.id: run for run in comparison.all_runs}
    bill = make_bill(
        {entry.name: entry.candidates for entry in found},
        {entry.name: runs_of(entry.arm, [entry.series, *entry.alternatives], by_id) for entry in found},
    )
    return Answer(comparison, criterion, found, chosen, [], bill)
