"""Entries whose selected settings are worse than their default settings on the seeds that report."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Flag
from descentlab.report.formats import format_estimate
from descentlab.report.pairs import compare_series
from descentlab.report.statistics.estimate import estimate

ORDER = 35
ADVICE = (
    "the selected settings did not generalize. More tuning seeds (tuning_seeds=3), or more validation data, make the selection "
    "more reliable."
)


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each tuned entry whose default settings are better: the interval of the difference excludes 0."""
    by = answer.by
    if by.unit or by.metric != answer.comparison.monitor:
        return  # the settings were not selected by this number
    for entry in answer.entries:
        if entry.default is None or entry.arm is None or entry.estimate is None:
            continue
        default = estimate(map(by.get, entry.default.completed), by.key)
        gap = compare_series(entry.default, entry.series, by)
        if default is None or gap is None or gap.low is None or gap.low <= 0:
            continue
        reached, selected = (format_estimate(each, by.format) for each in (default, entry.estimate))
        yield Flag(
            "tuning_loss",
            f"{entry.name}: the default settings reach {reached} {by.label}, better than the selected ones with {selected}: "
            f"{ADVICE}",
            entry.name,
            (f"The default settings reach a better {by.label} than the selected ones: ", f": {ADVICE}"),
            f"{reached} (selected: {selected})",
        )
