"""Alerts that were raised while the reported runs trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from descentlab.report.answer import Answer, Flag
from descentlab.store.alert import alerts_of

ORDER = 43


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each entry of which a reported run raised an alert, with the number of runs for each rule."""
    for entry in answer.entries:
        found = [{alert.rule for alert in alerts_of(run.summary)} for run in entry.series.runs]
        count, total = sum(map(bool, found)), len(found)
        if not count:
            continue
        rules = Counter(rule for rules in found for rule in sorted(rules))
        counts = ", ".join(f"{rule} ({number})" if total > 1 else rule for rule, number in rules.most_common())
        who = f"{count} of {total} reported runs" if total > 1 else "The only reported run"
        message, frame = f"{who} of {entry.name} raised alerts: {counts}.", ("Alerts while training: ", ".")
        yield Flag("alerts", message, entry.name, frame, f"{count} of {total} ({counts})" if total > 1 else f"({counts})")
