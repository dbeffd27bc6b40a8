"""The source of jobs of a study: the grid of each arm, its extensions, and the runs of the selected points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from descentlab.store.job import Job
from descentlab.store.record import Record, Status
from descentlab.studies.grid import best_point, extended
from descentlab.studies.measuring.number import number_of
from descentlab.studies.runs import Ended, Jobs, Point, StudyRun, points
from descentlab.studies.study import Arm, Study


@dataclass
class Cell:
    """The runs of an arm for one combination of the values of `over`.

    Attributes:
        tried: the points of the grid that have been proposed.
        selected: the best of them, once it is known.
        extensions: how often the grid was extended.
        stopped: why there is no selection.
    """

    arm: Arm
    over: Point
    tried: list[Point] = field(default_factory=list)
    selected: Point | None = None
    extensions: int = 0
    stopped: str = ""
    at_edge: bool = False

    @property
    def title(self) -> str:
        """The arm and the values of `over`."""
        return ", ".join([self.arm.name, *(f"{key}={value}" for key, value in self.over.items())])


class StudySource:
    """Proposes the runs of a study. A source for the queue (sweeps.source.Source).

    The state is rebuilt from the records of runs when a command is repeated.

    Args:
        study: the study.
        jobs: makes its jobs.
        notify: receives sentences for the user.
        save: called with the folder of the sweep after runs were proposed.
    """

    def __init__(self, study: Study, jobs: Jobs, notify: Callable[[str], None], save: Callable[[Path], None]) -> None:
        self.study, self.jobs, self.notify, self.saved = study, jobs, notify, save
        self.cells = [Cell(arm, over) for arm in study.arms if not arm.table for over in points(arm.over)]
        self.runs: dict[str, list[StudyRun]] = {}  # by run id; arms may share a run
        self.records: dict[str, Record] = {}
        self.asked: set[int] = set()  # positions of cells whose report was proposed

    def ask(self) -> Sequence[Job]:
        """Return the jobs that are known now: all points of a grid first, the selected point when these have ended."""
        found: list[Job] = []
        for place, cell in enumerate(self.cells):
            if place not in self.asked:
                found += self._propose(place, cell)
        return found

    def _propose(self, place: int, cell: Cell) -> list[Job]:
        select = self.study.select
        if select is None or not cell.arm.grid:
            self.asked.add(place)
            return self._jobs(cell, points(cell.arm.grid), "report")
        if not cell.tried:
            cell.tried = points(cell.arm.grid)
            return self._jobs(cell, cell.tried, "select")
        values = self._values(cell)
        if values is None:
            return []
        best = best_point(values, select.goal)
        if best is None:
            cell.stopped = "no point of the grid has a result with every seed"
            self.asked.add(place)
            return []
        chosen = dict(zip(cell.arm.grid, best, strict=True))
        tried = {key: list(dict.fromkeys(point[key] for point in cell.tried)) for key in cell.arm.grid}
        more = [{**chosen, key: value} for key, own in extended(tried, chosen).items() for value in own]
        if more and cell.extensions < select.extend:
            cell.extensions += 1
            cell.tried += more
            self.notify(f"{cell.title}: the best point is on the edge of the grid, which is extended by {_text(more)}")
            return self._jobs(cell, more, "select")
        cell.selected, cell.at_edge = chosen, bool(more)
        self.asked.add(place)
        return self._jobs(cell, [chosen], "report")

    def _values(self, cell: Cell) -> dict[tuple[Any, ...], list[float | None]] | None:
        """Return the quantity of the selection by point; None while runs of the cell have not ended."""
        assert self.study.select is not None
        found: dict[tuple[Any, ...], list[float | None]] = {}
        for id, runs in self.runs.items():
            for run in runs:
                if run.role == "select" and run.arm == cell.arm.name and run.over == cell.over:
                    if id not in self.records:
                        return None
                    value = number_of(self.study.select.quantity, self.records[id])
                    found.setdefault(tuple(run.point.values()), []).append(value)
        return found

    def _jobs(self, cell: Cell, chosen: Sequence[Point], role: Any) -> list[Job]:
        seeds = self.study.select_seeds if role == "select" else self.study.report_seeds
        runs = [StudyRun(cell.arm.name, cell.over, point, seed, role) for point in chosen for seed in seeds]
        made = self.jobs.make(cell.arm, runs)
        for job, run in zip(made, runs, strict=True):
            self.runs.setdefault(job.id, []).append(run)
        return list({job.id: job for job in made}.values())

    def tell(self, record: Record) -> None:
        """Keep the record of a run. An interrupted run has not ended: the same command resumes it."""
        if record.status is not Status.INTERRUPTED:
            self.records[record.id] = record

    def required(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return all jobs: a study in which a config cannot work is not started."""
        return jobs

    def save(self, sweep: Path) -> None:
        """Write the state of the study."""
        self.saved(sweep)

    @property
    def ended(self) -> list[Ended]:
        """The runs that have ended, once for each place that they have in the study."""
        return [Ended(run, self.records[id]) for id, runs in self.runs.items() if id in self.records for run in runs]

    @property
    def is_complete(self) -> bool:
        """True if every run of the study has ended with a result; a failed run has none, and the same command repeats it."""
        results = {id for id, record in self.records.items() if record.status.is_result}
        return len(self.asked) == len(self.cells) and set(self.runs) <= results

    @property
    def selections(self) -> list[dict[str, Any]]:
        """The selected points: of each cell its arm, values of `over`, point, number of tried points, and extensions."""
        return [
            {
                "arm": cell.arm.name,
                "over": dict(cell.over),
                "point": dict(cell.selected),
                "tried": len(cell.tried),
                "extensions": cell.extensions,
                "at_edge": cell.at_edge,
            }
            for cell in self.cells
            if cell.selected is not None
        ]


def _text(chosen: Sequence[Mapping[str, Any]]) -> str:
    """Return points as text, such as "optimizer.lr=0.3"."""
    return " and ".join(", ".join(f"{key}={value}" for key, value in point.items()) for point in chosen)
