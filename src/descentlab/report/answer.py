"""An answer: the conclusions about one comparison, namely which optimizer is best, by how much, how surely and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from descentlab.report.bill import Bill
from descentlab.report.criterion import Criterion
from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.estimate import Estimate
from descentlab.store.manifest import Arm
from descentlab.store.record import Record


@dataclass(frozen=True)
class Entry:
    """One optimizer at its selected settings.

    Attributes:
        name: the optimizer, followed by the other settings of the command that vary: "adam", "adam batch_size=32".
        series: its runs. In a tuned sweep the report runs; while the tuning is not complete, those of the best trial so far.
        default: in a tuned sweep, the runs of the optimizer's default settings with the same seeds; None without any.
        arm: its part of the manifest of a tuned sweep; None in a grid.
        candidates: the number of settings among which `series` was selected on validation, itself included.
        estimate: the mean of the compared number over the completed runs; None if there is none or a run lacks it.
        alternatives: the series of all candidates; in a tuned sweep, those of the trials.
    """

    name: str
    series: Series
    default: Series | None
    arm: Arm | None
    candidates: int
    estimate: Estimate | None
    alternatives: list[Series] = field(default_factory=list)

    @property
    def completed(self) -> list[Record]:
        return self.series.completed

    @property
    def is_preliminary(self) -> bool:
        """True if the tuning has not reached the report runs, so that `series` is the best trial so far."""
        return self.series.role == "trial"


@dataclass(frozen=True)
class Pair:
    """The comparison of an entry with another over seeds.

    Attributes:
        entry: the first entry; a positive difference means that it is better.
        other: the second one.
        paired: the statistics of the differences over shared seeds, or of independent samples if no two seeds are shared.
        conclusion: better, worse, equal or undecided, with the margin of equivalence.
        p: the p-value after Holm's correction for the number of pairs of the answer; None if there is none.
        reason: the reason why there are no statistics; empty if there are.
    """

    entry: Entry
    other: Entry
    paired: Any | None
    conclusion: Any | None
    p: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Flag:
    """A warning of the sceptic about an answer.

    Attributes:
        kind: the name of the check that raised it, such as "edge" (the module of report/sceptic/).
        message: a sentence for the reader.
        subject: the name of the entry that it concerns; "" for the whole answer.
    """

    kind: str
    message: str
    subject: str = ""


@dataclass(frozen=True)
class Answer:
    """The conclusions about one comparison.

    Attributes:
        comparison: the runs.
        by: the number that is compared.
        entries: one for each optimizer, the best first; those with a diverged run follow those without.
        reference: the entry that the others are compared with; None if there is only one entry.
        pairs: if the command names a reference, each other entry against it. Otherwise the best entry against each other
            one, the second best first.
        bill: the cost of each entry.
        flags: the warnings of the sceptic.
    """

    comparison: Comparison
    by: Criterion
    entries: list[Entry]
    reference: Entry | None
    pairs: list[Pair]
    bill: Bill
    flags: list[Flag] = field(default_factory=list)

    @property
    def mode(self) -> Literal["max", "min"]:
        """The better direction of the compared number."""
        return self.by.mode

    @property
    def best(self) -> Entry:
        return self.entries[0]

    @property
    def is_tuned(self) -> bool:
        return any(entry.arm is not None for entry in self.entries)


def entry_named(entries: Sequence[Entry], name: str) -> Entry | None:
    """Return the entry with this name; None if there is none."""
    return next((entry for entry in entries if entry.name == name), None)
