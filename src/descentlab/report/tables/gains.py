"""Table of the gain from tuning: the selected settings of each entry against its default settings, over shared seeds."""

from __future__ import annotations

from descentlab.report.answer import Answer, Entry
from descentlab.report.formats import format_p_cell
from descentlab.report.pairs import compare_series
from descentlab.report.relation import format_difference
from descentlab.report.tables.answers import PlainTable
from descentlab.report.tables.measures import NOT_MEASURED


def gains_table(answer: Answer) -> PlainTable | None:
    """Return the gain of each tuned entry over its default settings; None if no entry has runs of both."""
    tuned = [entry for entry in answer.entries if entry.default is not None and entry.default.label != entry.series.label]
    if not tuned or answer.by.censored:
        return None
    title = f"Gain in {answer.by.label} from tuning (positive: the selected settings are better than the default ones)"
    notes = ["p of a t-test, not corrected for the number of optimizers."]
    return PlainTable(title, ["optimizer", "gain", "p", "n"], [_row(entry, answer) for entry in tuned], notes)


def _row(entry: Entry, answer: Answer) -> list[str]:
    found = None if entry.default is None else compare_series(entry.series, entry.default, answer.by)
    if found is None:
        return [entry.name, *[NOT_MEASURED] * 3]
    return [entry.name, format_difference(found), format_p_cell(found.p_t), str(found.n)]
