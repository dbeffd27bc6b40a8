"""An answer: the conclusions about one comparison, namely the best optimizer, its lead, the certainty of both, and the cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from descentlab.report.bill import Bill
from descentlab.report.criterion import Criterion
from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.difference import Paired, Unpaired
from descentlab.report.statistics.equivalence import Conclusion
from descentlab.report.statistics.estimate import Estimate
from descentlab.report.statistics.logrank import LogRank
from descentlab.report.statistics.multiple import all_pairs
from descentlab.report.statistics.ranking import ranked
from descentlab.report.statistics.survival import Survival
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
        survival: the distribution of the time to target, if that is compared; `estimate` is then its restricted mean.
    """

    name: str
    series: Series
    default: Series | None
    arm: Arm | None
    candidates: int
    estimate: Estimate | None
    alternatives: list[Series] = field(default_factory=list)
    survival: Survival | None = None

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

    Runs with the same `seed` and `data_seed` are paired. They start from the same weights if both entries have the same model,
    and see the same batches if they have the same batch size as well.

    Attributes:
        entry: the first entry; a positive difference means that it is better.
        other: the second one.
        difference: its statistics: `Paired` over shared seeds, or `Unpaired` if too few are shared (`pairs.compare_series`).
        conclusion: better, worse, equal or undecided, with the margin of equivalence and the number of seeds that would do.
        p: the p-value after Holm's correction for the number of pairs of the answer; None if there is none.
        reason: the reason why there are no statistics; empty if there are.
        logrank: the test of times to the target, instead of `difference`, if a run did not reach it.
    """

    entry: Entry
    other: Entry
    difference: Paired | Unpaired | None
    conclusion: Conclusion | None
    p: float | None = None
    reason: str = ""
    logrank: LogRank | None = None


@dataclass(frozen=True)
class Flag:
    """A warning of the sceptic about an answer.

    Attributes:
        kind: the name of the check that raised it, such as "edge" (the module of report/sceptic/).
        message: a sentence for the reader.
        subject: the name of the entry that it concerns; "" for the whole answer.
        frame: the text before and after the list of entries in a sentence about several of them: flags of one kind with the
            same frame share a line, see `flag_lines`. None if the flag always has its own line.
        detail: the text that follows the name of the entry in this list.
    """

    kind: str
    message: str
    subject: str = ""
    frame: tuple[str, str] | None = None
    detail: str = ""


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
        is_named: True if the command names the reference.
    """

    comparison: Comparison
    by: Criterion
    entries: list[Entry]
    reference: Entry | None
    pairs: list[Pair]
    bill: Bill
    flags: list[Flag] = field(default_factory=list)
    is_named: bool = False

    @property
    def mode(self) -> Literal["max", "min"]:
        """The better direction of the compared number."""
        return self.by.mode

    @property
    def best(self) -> Entry:
        return self.entries[0]

    @property
    def headline(self) -> Pair | None:
        """The pair of the best entry and the reference or, if the best entry is the reference, the one closest to it."""
        own = [pair for pair in self.pairs if self.best in (pair.entry, pair.other)]
        return own[0] if own else None

    @property
    def has_differences(self) -> bool:
        """True if any pair was compared: not with a single entry, without values, or with one seed of each entry."""
        return any(pair.difference is not None or pair.logrank is not None for pair in self.pairs)

    @property
    def comparisons(self) -> int:
        """The number of comparisons for which the p-values are corrected, see `count_comparisons`."""
        return count_comparisons(sum(pair.p is not None for pair in self.pairs), self.is_named)

    @property
    def series(self) -> list[Series]:
        """The series in the order of tables: those of the entries, the defaults, then the others by validation."""
        first = [entry.series for entry in self.entries]
        first += [entry.default for entry in self.entries if entry.default is not None]
        return list({one.label: one for one in [*first, *ranked(self.comparison)]}.values())

    @property
    def is_tuned(self) -> bool:
        return any(entry.arm is not None for entry in self.entries)


def count_comparisons(tests: int, is_named: bool) -> int:
    """Return the number of comparisons for which the p-values of `tests` pairs are corrected.

    Pairs with a named reference are their own number. Without one, the best entry is compared with each other one: such pairs
    are chosen by the data from all pairs of entries.
    """
    return tests if is_named else all_pairs(tests + 1)


def entry_named(entries: Sequence[Entry], name: str) -> Entry | None:
    """Return the entry with this name; None if there is none."""
    return next((entry for entry in entries if entry.name == name), None)
