"""The singular values of Muon's updates, as stored and as measured on a trained run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import ANALYSES, CHECKPOINT
from descentlab.studies.measuring.measure import measure
from descentlab.studies.runs import Ended, StudyRun

LOWEST, HIGHEST = ({"kind": "orthogonality", "part": part} for part in ("lowest", "highest"))


def test_the_extremes_are_those_over_all_matrices_of_runs_with_a_checkpoint(tmp_path):
    kept, other = ended_run(tmp_path), ended_run(tmp_path, arm="b")
    (kept.record.folder / CHECKPOINT).touch()
    (kept.record.folder / ANALYSES).mkdir()
    values = {"first": [0.7, 1.1], "second": [0.8, 1.2]}
    (kept.record.folder / ANALYSES / "orthogonality.json").write_text(json.dumps(values))
    assert measure(LOWEST, [kept, other]).rows() == [("a", None, 0, 0.7)]
    assert measure(HIGHEST, [kept, other]).rows() == [("a", None, 0, 1.2)]


@pytest.mark.slow
def test_they_are_measured_on_a_trained_run(train):
    trained = train("optimizer=muon", "model.hidden=[16]", "budget.epochs=null", "budget.steps=5", "checkpoint.keep=true")
    ended = Ended(StudyRun("muon", {}, {}, 0, "report"), replace(trained.record, folder=trained.folder))
    (low,), (high,) = (measure(part, [ended])["value"].to_list() for part in (LOWEST, HIGHEST))
    assert 0.6 < low < high < 1.22
    assert [low, high] == json.loads((trained.folder / ANALYSES / "orthogonality.json").read_text())["blocks.0.layers.0.weight"]


def test_an_unknown_part_is_reported(tmp_path):
    with pytest.raises(UsageError, match="no part middle"):
        measure({"kind": "orthogonality", "part": "middle"}, [ended_run(tmp_path)])
