"""The rotation of neurons relative to its equilibrium."""

from __future__ import annotations

import json
import math

import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.store.record import LAYERS
from descentlab.studies.measuring.measure import measure

CONFIG = {"optimizer": {"lr": 0.01, "betas": [0.5, 0.99]}, "decay": {"rate": 0.5}}
EQUILIBRIUM = math.sqrt(2 * 0.01 * 0.5 * 0.5 / 1.5)


def with_angles(folder, config):
    ended = ended_run(folder, config=config, curves={"train/loss": [1.0]})
    angles = {"a/0": 0.01, "a/1": 0.03, "b/0": 0.04}
    rows = [{"step": step, "layer": layer, "neuron_angle": angle} for step in (10, 20, 30) for layer, angle in angles.items()]
    (ended.record.folder / LAYERS).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return ended


@pytest.fixture
def run(tmp_path):
    return with_angles(tmp_path, CONFIG)


@pytest.mark.parametrize(("part", "value"), [("lowest", 0.02), ("highest", 0.04), ("mean", 0.08 / 3), ("ratio", 2.0)])
def test_parts_of_the_rotation(run, part, value):
    assert measure({"kind": "rotation", "part": part}, [run])["value"].to_list() == pytest.approx([value])


def test_angles_are_divided_by_the_equilibrium_of_the_run(run):
    found = measure({"kind": "rotation", "part": "highest", "relative": True}, [run])["value"].to_list()
    assert found == pytest.approx([0.04 / EQUILIBRIUM])


def test_an_unknown_part_is_refused(run):
    with pytest.raises(UsageError, match="no part speed"):
        measure({"kind": "rotation", "part": "speed"}, [run])


def test_a_run_without_angles_has_no_value(tmp_path):
    plain = ended_run(tmp_path, config=CONFIG, curves={"train/loss": [1.0]})
    assert measure({"kind": "rotation", "part": "mean"}, [plain])["value"].to_list() == [None]


def test_a_run_without_decay_has_no_equilibrium(tmp_path):
    ended = with_angles(tmp_path, {**CONFIG, "decay": {"rate": None}})
    assert measure({"kind": "rotation", "part": "mean", "relative": True}, [ended])["value"].to_list() == [None]
    assert measure({"kind": "rotation", "part": "mean"}, [ended])["value"].to_list() == pytest.approx([0.08 / 3])
