"""The data that panels over several problems draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.answer import Answer, Entry, entry_named
from descentlab.report.drawing.style import Style


@dataclass(frozen=True)
class AcrossData:
    """The answers of a report with several problems, as a panel over all of them needs them.

    Args:
        answers: one for each comparison, that is for each problem and data set.
        styles: the colour and dash of each series, by label.
    """

    answers: Sequence[Answer]
    styles: dict[str, Style]

    @property
    def names(self) -> list[str]:
        """The names of the entries that all answers have, in the order of the first answer."""
        first, *others = self.answers
        return [each.name for each in first.entries if all(entry_named(other.entries, each.name) for other in others)]

    def entries(self, name: str) -> list[Entry]:
        """Return the entry with this name of each answer."""
        found = (entry_named(answer.entries, name) for answer in self.answers)
        return [entry for entry in found if entry is not None]

    def style(self, name: str) -> Style:
        """Return the style of an entry: that of its series on the first problem."""
        return self.styles[self.entries(name)[0].series.label]
