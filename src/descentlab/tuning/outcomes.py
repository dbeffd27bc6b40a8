"""The outcomes of runs, as far as the tuner needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Self

from descentlab.store.record import Record, Status

NO_VALUE = "completed, but its record has no validation value"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run that ended.

    Attributes:
        value: the best monitored validation value; None if the run diverged, failed, or has an undefined value.
        metric: the monitored metric; empty if the run failed.
        mode: "max" or "min".
        steps, seconds: steps and seconds of training.
        reason: the reason for the missing value; without one in the record, the reason in the record or the status.
    """

    value: float | None
    metric: str
    mode: str
    steps: int
    seconds: float
    reason: str

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return the outcome of the run with this record."""
        summary = record.summary
        completed = record.status is Status.COMPLETED
        undefined = summary.get("undefined", {}).get("best_valid") if completed else None
        return cls(
            summary.get("best_valid") if completed else None,
            str(summary.get("monitor", "")),
            str(summary.get("mode", "max")),
            int(summary.get("steps") or 0),
            float(summary.get("train_seconds") or 0.0),
            undefined or record.reason or (NO_VALUE if completed else str(record.status)),
        )


@dataclass
class TrialRuns:
    """A trial and its runs; see store.manifest.Trial. An empty `runs` means that its config is not valid.

    `rung` is the position of the budget of `runs` among those of successive halving, from the smallest.
    """

    index: int
    point: Mapping[str, object]
    runs: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    pruned: bool = False
    rung: int = 0

    def ended(self, outcomes: Mapping[str, Outcome]) -> bool:
        """Return True if all runs of the trial have ended."""
        return all(id in outcomes for id in self.runs)

    def value(self, outcomes: Mapping[str, Outcome]) -> float | None:
        """Return the mean validation value over the tuning seeds; None if a run has not ended, or has no value."""
        values = [outcomes[id].value for id in self.runs if id in outcomes]
        known = [value for value in values if value is not None]
        return fmean(known) if known and len(known) == len(self.runs) else None

    def score(self, outcomes: Mapping[str, Outcome]) -> float | None:
        """Return the value with the sign that makes higher scores better."""
        value = self.value(outcomes)
        return None if value is None else value if outcomes[self.runs[0]].mode == "max" else -value


def best(trials: Sequence[TrialRuns], outcomes: Mapping[str, Outcome], count: int) -> list[TrialRuns]:
    """Return the `count` trials with the best scores, best first; of equal scores, the earlier trial first."""
    scored = [(-score, trial.index, trial) for trial in trials if (score := trial.score(outcomes)) is not None]
    return [trial for *_, trial in sorted(scored, key=lambda each: each[:2])[:count]]
