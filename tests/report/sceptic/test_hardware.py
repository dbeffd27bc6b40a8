"""Seconds on different hardware, or with different modes of execution."""

from __future__ import annotations

import pytest


def test_different_devices_are_flagged(make_run, rewrite, flags):
    for optimizer, device in {"adam": "cpu", "sgd": "cuda:0"}.items():
        rewrite(make_run(optimizer), hardware={"device": device, "cores": 2})
    (flag,) = flags("hardware")
    assert flag.message == "Seconds are not comparable: runs differ in hardware (device: cpu, cuda:0)."


def test_equal_hardware_is_not_flagged(make_run, rewrite, flags):
    for optimizer in ("adam", "sgd"):
        rewrite(make_run(optimizer), hardware={"device": "cpu", "cores": 2})
    assert flags("hardware") == []


@pytest.mark.parametrize(
    ("adam", "sgd", "found"),
    [
        ({"compile": True}, {"compile": False}, "execution (compile: true, false)"),
        ({"engine": "explicit"}, {"engine": "lightning"}, "execution (engine: explicit, lightning)"),
        ({"trainer": {"precision": "16-mixed"}}, {"trainer": {"precision": "32-true"}}, "trainer.precision"),
    ],
)
def test_different_modes_of_execution_are_flagged(make_run, flags, adam, sgd, found):
    make_run("adam", config=adam)
    make_run("sgd", config=sgd)
    assert found in "".join(flag.message for flag in flags("hardware"))


@pytest.mark.parametrize(
    ("adam", "sgd", "found"),
    [
        (None, {"size": 8, "compiled": False}, "single, fused"),
        ({"size": 8, "compiled": True}, {"size": 8, "compiled": False}, "compiled fused, fused"),
    ],
)
def test_fused_and_single_runs_are_flagged(make_run, flags, adam, sgd, found):
    for optimizer, group in {"adam": adam, "sgd": sgd}.items():
        make_run(optimizer, summary={"group": group} if group else {})
    assert f"execution (fused group: {found})" in "".join(flag.message for flag in flags("hardware"))


def test_fused_groups_of_different_size_are_not_flagged(make_run, flags):
    for optimizer, size in {"adam": 8, "sgd": 32}.items():
        make_run(optimizer, summary={"group": {"size": size, "compiled": True}})
    assert flags("hardware") == []


def test_equal_modes_of_execution_are_not_flagged(make_run, flags):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, config={"compile": True, "engine": "lightning"})
    assert flags("hardware") == []


def test_modes_in_which_auto_resolved_differently_are_flagged(make_run, rewrite, flags):
    for optimizer, resolved in (("adam", "step"), ("sgd", False)):
        run = make_run(optimizer, config={"compile": "auto"})
        rewrite(run, summary={**run.summary, "compile": resolved})
    assert "execution (compile: step, false)" in flags("hardware")[0].message
