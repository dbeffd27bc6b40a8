"""Rates of range tests as quantities of studies, on curves with a known valley."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.studies.measuring.measure import measure

RATES = np.logspace(-5, 1, 601)  # 100 steps a decade
LOSSES = np.interp(np.log10(RATES), [-5, -4, -1, 1], [3.0, 3.0, 1.0, 9.0])
GROWING = {"schedule": {"_target_": "descentlab.optim.schedules.ExponentialGrowth"}}
CONSTANT = {"schedule": {"_target_": "descentlab.optim.schedules.Constant"}}


@pytest.fixture
def run(tmp_path):
    curves = {"train/lr": RATES.tolist(), "train/loss": LOSSES.tolist()}
    return lambda **settings: ended_run(tmp_path, **{"curves": curves, "config": GROWING, **settings})


@pytest.mark.parametrize(("part", "log_rate"), [("knee", -3.7), ("lowest", -1.0), ("divergence", -1 + 3.5 / 4)])
def test_a_part_of_a_range_test_is_a_rate(run, part, log_rate):
    frame = measure({"kind": "range_test", "part": part}, [run(seed=3)])
    assert frame.select("arm", "x", "seed").rows() == [("a", None, 3)]
    assert math.log10(frame["value"][0]) == pytest.approx(log_rate, abs=0.15)


def test_runs_with_another_schedule_are_left_out(run):
    assert measure({"kind": "range_test", "part": "knee"}, [run(arm="b", config=CONSTANT), run()])["arm"].to_list() == ["a"]


def test_the_last_rate_of_a_run_that_diverged_is_its_divergence(run):
    falling = {"train/lr": [0.1, 0.2, 0.4], "train/loss": [3.0, 2.0, 1.0]}
    divergence = {"kind": "range_test", "part": "divergence"}
    assert measure(divergence, [run(curves=falling, diverged=20)])["value"].to_list() == [0.4]
    assert measure(divergence, [run(curves=falling)])["value"].to_list() == [None]


def test_a_run_without_rates_or_with_one_step_has_no_value(run):
    knee = {"kind": "range_test", "part": "knee"}
    assert measure(knee, [run(curves={"train/loss": [1.0, 2.0]})])["value"].to_list() == [None]
    assert measure(knee, [run(curves={"train/lr": [0.1], "train/loss": [1.0]})])["value"].to_list() == [None]


def test_an_unknown_part_is_refused(run):
    with pytest.raises(UsageError, match=r"no part kne.*knee"):
        measure({"kind": "range_test", "part": "kne"}, [run()])
