"""The critical points of runs as values of a quantity."""

from __future__ import annotations

import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import Record
from descentlab.studies.measuring import critical_points
from descentlab.studies.measuring.measure import measure
from descentlab.studies.runs import Ended, StudyRun

KIND = {"kind": "critical_points"}
FOUND = [
    {"loss": 2.0, "accuracy": 0.25, "index": 0.5, "is_critical": True},
    {"loss": 1.5, "accuracy": 0.5, "index": 0.9, "is_critical": False},
    {"loss": 1.0, "accuracy": 0.75, "index": 0.0, "is_critical": True},
]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs, of which the second has no critical points."""
    ended = [ended_run(tmp_path, seed=seed, curves={"train/loss": [1.0]}) for seed in (0, 1)]
    known = {ended[0].record.folder: FOUND, ended[1].record.folder: FOUND[1:2]}
    monkeypatch.setattr(critical_points, "_points", lambda folder, decay, max_steps: known[folder])
    return ended


@pytest.mark.parametrize(("by", "x"), [("loss", [2.0, 1.0]), ("error", [0.75, 0.25]), ("accuracy", [0.25, 0.75])])
def test_each_critical_point_has_the_index_as_its_value(runs, by, x):
    found = measure({**KIND, "by": by}, runs)
    assert found.rows() == [("a", x[0], 0, 0.5), ("a", x[1], 0, 0.0), ("a", None, 1, None)]


def test_a_number_that_points_do_not_have_is_refused(runs):
    with pytest.raises(UsageError, match="no rmse; there are loss, accuracy"):
        measure({**KIND, "by": "rmse"}, runs)


def test_the_points_are_those_of_the_snapshots(train):
    words = ("problem=breast_cancer_logistic", "budget.epochs=null", "budget.steps=10", "validate_every=10")
    trained = train(*words, "checkpoint.snapshots=10")
    ended = [Ended(StudyRun("a", {}, {}, 0, "report"), Record(*"abc", "completed", {}, {}, folder=trained.folder))]
    found = measure({**KIND, "decay": 0.1}, ended)
    assert found["value"].to_list() == [0.0, 0.0]  # the minimum of a convex function, from both snapshots
    first, second = found["x"].to_list()
    assert first == pytest.approx(second, rel=1e-5)
    assert measure({**KIND, "decay": 0.1, "max_steps": 0}, ended)["value"].to_list() == [None]
