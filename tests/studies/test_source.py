"""The source of the runs of a study: grids, extensions, selected points, restarts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from descentlab.store.record import Record, Status
from descentlab.studies.source import StudySource
from descentlab.studies.study import read_study

NODE = {"source": "s", "claim": "c", "shows": "d", "checks": [{"check": "value"}], "arms": {"a": []}}
GRID = {"grid": {"lr": [1.0, 2.0, 4.0]}, "select": "loss", "seeds": {"select": 1, "report": 2}}


class Jobs:
    """Makes jobs whose id names the arm, the point and the seed."""

    def make(self, arm, runs):
        return [SimpleNamespace(id=f"{arm.name} {dict(run.over)} {dict(run.point)} {run.seed}", run=run) for run in runs]


def trained(source, loss, notes=None):
    """Run the source to its end; return the points in the order in which they were proposed."""
    proposed = []
    while jobs := source.ask():
        for job in jobs:
            proposed.append((job.run.arm, *job.run.over.values(), *job.run.point.values(), job.run.seed))
            value = loss(job.run)
            status = Status.COMPLETED if value is not None else Status.DIVERGED
            source.tell(Record(job.id, job.id, "s", status, {}, {}, summary={"loss": value}, folder=Path()))
    return proposed


@pytest.fixture
def make():
    def source(notes, **changes):
        return StudySource(read_study("x", {**NODE, **changes}), Jobs(), notes.append, lambda _: None)

    return source


def test_without_a_selection_every_point_reports_with_every_seed(make):
    source = make([], grid={"lr": [1, 2]}, over={"batch": [8, 16]}, seeds={"report": 2})
    assert len(trained(source, lambda run: 0.0)) == 8
    assert source.is_complete


def test_the_selected_point_reports_with_fresh_seeds(make):
    source = make([], **GRID)
    found = trained(source, lambda run: abs(run.point["lr"] - 2.0))
    assert found == [("a", 1.0, 2002), ("a", 2.0, 2002), ("a", 4.0, 2002), ("a", 2.0, 2000), ("a", 2.0, 2001)]
    assert [one["point"] for one in source.selections] == [{"lr": 2.0}]


def test_a_grid_whose_best_point_is_on_the_edge_is_extended_at_most_twice(make):
    notes = []
    source = make(notes, **GRID)
    found = trained(source, lambda run: -run.point["lr"])
    assert [point[1] for point in found] == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0]
    assert source.selections[0]["at_edge"]
    assert source.selections[0]["extensions"] == 2
    assert notes[0] == "a: the best point is on the edge of the grid, which is extended by lr=8.0"


def test_an_extension_that_is_worse_ends_the_search(make):
    source = make([], **GRID)
    trained(source, lambda run: abs(run.point["lr"] - 4.0))
    assert source.selections[0] == {
        "arm": "a",
        "over": {},
        "point": {"lr": 4.0},
        "tried": 4,
        "extensions": 1,
        "at_edge": False,
    }


def test_each_value_of_over_has_a_selection(make):
    source = make([], **GRID, over={"batch": [1, 2]})
    trained(source, lambda run: abs(run.point["lr"] - run.over["batch"] * 2))
    assert [(one["over"]["batch"], one["point"]["lr"]) for one in source.selections] == [(1, 2.0), (2, 4.0)]


def test_an_arm_of_which_no_point_has_a_result_reports_nothing(make):
    source = make([], **GRID)
    found = trained(source, lambda run: None)
    assert len(found) == 3
    assert source.cells[0].stopped == "no point of the grid has a result with every seed"
    assert source.is_complete


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.FAILED, Status.CRASHED, Status.TIMEOUT])
def test_a_run_without_a_result_leaves_the_study_incomplete(make, status):
    source = make([])
    (job,) = source.ask()
    source.tell(Record(job.id, job.id, "s", status, {}, {}, folder=Path()))
    assert not source.is_complete
