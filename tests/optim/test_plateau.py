"""ReduceOnPlateau: comparison with torch's, and resuming."""

from __future__ import annotations

import json
import math
import random

import pytest
import torch
from conftest import compose_config
from torch.optim.lr_scheduler import ReduceLROnPlateau

from descentlab.optim.schedules import ReduceOnPlateau


def metrics(count, mode):
    """Return a noisy metric that converges."""
    draw = random.Random(0)
    losses = [1 + 3 / (1 + step) + draw.gauss(0, 0.02) for step in range(count)]
    return losses if mode == "min" else [5 - loss for loss in losses]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("ours", "settings"),
    [
        ({}, {"patience": 3}),
        ({"patience": 0, "factor": 0.9}, {"patience": 0, "factor": 0.9}),
        ({"patience": 1, "threshold": 0.01, "cooldown": 4}, {"patience": 1, "threshold": 0.01, "cooldown": 4}),
        ({"patience": 1, "factor": 0.5, "floor": 0.1}, {"patience": 1, "factor": 0.5, "min_lr": 0.1}),
    ],
)
def test_plateau_equals_torchs(ours, settings, mode):
    schedule, seen = ReduceOnPlateau(mode=mode, **ours), metrics(80, mode)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, mode=mode, eps=0, **settings)
    found, expected = [], []
    for step, value in enumerate(seen):
        schedule.observe(value)
        scheduler.step(value)
        found.append(schedule(step, None))
        expected.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx(expected)
    assert found[-1] < 1


def test_below_zero_a_worse_value_is_no_improvement():
    schedule = ReduceOnPlateau(patience=0, threshold=0.1)
    for value in (-10.0, -9.5):
        schedule.observe(value)
    assert schedule(0, None) == pytest.approx(0.1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_are_no_improvement(value):
    schedule = ReduceOnPlateau(patience=1)
    for seen in (value, value):
        schedule.observe(seen)
    assert schedule(0, None) == pytest.approx(0.1)


def test_plateau_resumes_from_its_state():
    whole, seen = ReduceOnPlateau(patience=1, cooldown=3), metrics(60, "min")
    expected = []
    for value in seen:
        whole.observe(value)
        expected.append(whole(0, None))
    for at in (0, 1, 17, 40):
        before, after = ReduceOnPlateau(patience=1, cooldown=3), ReduceOnPlateau(patience=1, cooldown=3)
        for value in seen[:at]:
            before.observe(value)
        after.load_state_dict(json.loads(json.dumps(before.state_dict())))
        found = []
        for value in seen[at:]:
            after.observe(value)
            found.append(after(0, None))
        assert found == expected[at:]
    assert not whole.state_dict().keys() - {"multiplier", "best", "waited", "resting"}


def test_plateau_instances_have_separate_states():
    one, other = ReduceOnPlateau(patience=0), ReduceOnPlateau(patience=0)
    for _ in range(3):
        one.observe(1.0)
    assert other(0, None) == 1.0


def test_plateau_mode_is_that_of_the_tasks_metric():
    assert compose_config("schedule=reduce_on_plateau")[0]["schedule"]["mode"] == "max"
    words = ("problem=diabetes_linear", "schedule=reduce_on_plateau")
    assert compose_config(*words)[0]["schedule"]["mode"] == "min"
