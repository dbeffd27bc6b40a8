"""The bill of an answer: what each entry cost, with everything that was trained to select and to report it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from descentlab.report.series import Series
from descentlab.store.manifest import Arm
from descentlab.store.record import Record


@dataclass(frozen=True)
class BillLine:
    """The cost of one entry: sums over all its runs, also those that diverged, failed or were pruned.

    Attributes:
        name: the entry's name.
        trials: the number of settings that were tried.
        runs: the number of runs.
        steps: optimizer steps.
        gradient_evaluations: evaluations of the gradient of a batch.
        train_seconds: seconds of training, without validation and logging; of runs in parallel, the sum.
        uncounted: the number of runs that left no counts, because they failed or crashed; they are among `runs` only.
        superseded: the number of runs of earlier commands that are no longer trials or reports (`store.manifest.Arm`).
        diagnostics_seconds: seconds that probes took, in addition to `train_seconds`.
    """

    name: str
    trials: int
    runs: int
    steps: int
    gradient_evaluations: int
    train_seconds: float
    uncounted: int = 0
    superseded: int = 0
    diagnostics_seconds: float = 0.0


@dataclass(frozen=True)
class Bill:
    """The cost of an answer: a line for each entry.

    Attributes:
        lines: in the order of the entries.
        total: the sums; a run of several entries is counted once.
    """

    lines: list[BillLine]
    total: BillLine


def bill_line(name: str, trials: int, runs: Iterable[Record], superseded: Container[str] = ()) -> BillLine:
    """Return the sums over `runs`; `superseded` contains the ids of superseded ones."""
    distinct = list({run.id: run for run in runs}.values())
    counted = [run.summary for run in distinct if run.summary.get("steps") is not None]
    return BillLine(
        name,
        trials,
        len(distinct),
        sum(int(summary["steps"]) for summary in counted),
        sum(int(summary.get("gradient_evaluations") or summary["steps"]) for summary in counted),
        sum(float(run.summary.get("train_seconds") or 0) for run in distinct),
        len(distinct) - len(counted),
        sum(run.id in superseded for run in distinct),
        sum(map(diagnostics_seconds, distinct)),
    )


def diagnostics_seconds(run: Record) -> float:
    """Return the seconds that the probes of a run took; 0 if it has none."""
    spent: Mapping[str, float] = (run.summary.get("diagnostics") or {}).get("seconds") or {}
    return float(sum(spent.values()))


def make_bill(trials: Mapping[str, int], runs: Mapping[str, list[Record]], superseded: Container[str] = ()) -> Bill:
    """Return the bill of entries.

    Args:
        trials: the number of settings tried, by the entry's name.
        runs: all runs of each entry, by its name.
        superseded: the ids of superseded runs.
    """
    lines = [bill_line(name, trials[name], runs[name], superseded) for name in runs]
    every = [run for each in runs.values() for run in each]
    return Bill(lines, bill_line("total", sum(trials.values()), every, superseded))


def sum_bills(bills: Sequence[Bill]) -> BillLine:
    """Return the total over several problems."""
    counts = [each.name for each in fields(BillLine) if each.name != "name"]
    return BillLine("total", **{key: sum(getattr(bill.total, key) for bill in bills) for key in counts})


def runs_of(arm: Arm | None, series: Iterable[Series], by_id: Mapping[str, Record]) -> list[Record]:
    """Return all runs of an entry: those of its arm, or those of all its settings."""
    own = [run for one in series for run in one.runs]
    return own if arm is None else [*own, *(by_id[id] for id in arm.runs if id in by_id)]
