"""Table of the gain from tuning: the selected settings of each entry against its default settings, over shared seeds."""

from __future__ import annotations

from descentlab.report.answer import Answer, Entry
from descentlab.report.formats import format_p_cell
from descentlab.report.pairs import compare_series
from descentlab.report.relation import format_difference
from descentlab.report.series import Series
from descentlab.report.statistics.difference import Paired, Unpaired
from descentlab.report.tables.answers import PlainTable, count_cell
from descentlab.report.tables.measures import NOT_MEASURED


def gains_table(answer: Answer) -> PlainTable | None:
    """Return the gain of each tuned entry over its default settings; None if no entry has runs of both."""
    tuned = [
        (entry, entry.default)
        for entry in answer.entries
        if entry.default is not None and entry.default.label != entry.series.label
    ]
    if not tuned or answer.by.censored:
        return None
    title = f"Gain in {answer.by.label} from tuning (positive: the selected settings are better than the default ones)"
    found = [compare_series(entry.series, default, answer.by) for entry, default in tuned]
    methods = dict.fromkeys(each.method for each in found if each is not None)
    notes = [f"p: {', '.join(methods)}; not corrected for the number of optimizers."] if methods else []
    rows = [_row(*each, one, answer) for each, one in zip(tuned, found, strict=True)]
    return PlainTable(title, ["optimizer", "gain", "p", "n"], rows, notes)


def _row(entry: Entry, default: Series, found: Paired | Unpaired | None, answer: Answer) -> list[str]:
    if found is None:
        return [entry.name, _reason(entry.series, default, answer), *[NOT_MEASURED] * 2]
    return [entry.name, format_difference(found), format_p_cell(found.p_t), count_cell(found)]


def _reason(selected: Series, default: Series, answer: Answer) -> str:
    """Return the reason why there is no gain."""
    for name, series in (("selected", selected), ("default", default)):
        known = sum(answer.by.get(run) is not None for run in series.completed)
        if known < len(series.runs):
            return f"{name} settings: {known} of {len(series.runs)} runs have a value"
    return "one seed gives no interval"
