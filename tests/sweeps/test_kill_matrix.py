"""Faults at any point of a run: other runs are unaffected, the record has the reason, the same command completes the run.

The curves of a sweep that was killed and run again are bit-identical to those of an uninterrupted one.
"""

from __future__ import annotations

import re

import polars as pl
import pytest
from support.curves import timeless_curves
from support.matrix import ALL, Matrix, expected

from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, CURVES


@pytest.fixture(scope="module", params=[pytest.param(ALL, marks=pytest.mark.slow, id=f"{len(ALL)} faults")])
def matrix(make_lab, request) -> Matrix:
    return Matrix(make_lab(), request.param)


def test_every_run_has_the_status_and_the_reason_of_its_fault(matrix):
    found = {fault: (str(record.status), record.reason) for fault, record in matrix.after_first.items()}
    assert found.pop("none") == ("completed", "")
    assert {fault: status for fault, (status, _) in found.items()} == {fault: expected(fault)[0] for fault in matrix.faults}
    wrong = {fault: why for fault, (_, why) in found.items() if not re.search(expected(fault)[1], why, re.DOTALL)}
    assert not wrong
    assert matrix.first.returncode == 1


def test_the_log_contains_the_fault_and_the_screen_shows_it_immediately(matrix):
    for fault in matrix.faults:
        assert f"the fault {fault.split('-')[0]} strikes" in matrix.logs[fault]
    assert matrix.first.stderr.count("ArithmeticError: broken on purpose") >= 3


def test_the_same_command_completes_all_runs(matrix):
    assert matrix.second.returncode == 0, matrix.second.stderr
    left = {fault: str(record.status) for fault, record in matrix.after_second.items() if record.status != "completed"}
    assert left == {fault: "diverged" for fault in matrix.faults if fault.startswith("nan")}
    results = sum(record.status.is_result for record in matrix.after_first.values())
    assert f"{results} of {len(matrix.faults) + 1} finished before and reused" in matrix.second.stderr


def test_resumed_curves_equal_uninterrupted_curves(matrix, uninterrupted):
    whole = uninterrupted()
    assert whole["step"][-1] == 60
    good = {fault: timeless_curves(record) for fault, record in matrix.after_second.items() if record.status == "completed"}
    assert set(good) == {fault for fault in ["none", *matrix.faults] if not fault.startswith("nan")}
    assert not [fault for fault, found in good.items() if not found.equals(whole)]


def test_a_diverged_run_has_the_uninterrupted_curve_up_to_its_divergence(matrix, uninterrupted):
    whole = uninterrupted().filter(pl.col("step") < 20)["train/loss"].drop_nulls().to_list()
    found = timeless_curves(matrix.after_second["nan-mid"]).filter(pl.col("step") < 20)["train/loss"].drop_nulls().to_list()
    assert found == whole != []


def test_steps_before_a_checkpoint_are_not_trained_again(matrix):
    """The row of a step has the time of the process that trained it first."""
    resumed = {fault for fault in matrix.faults if expected(fault)[0] not in ("completed", "diverged")}
    resumed = {fault for fault in resumed if not fault.endswith(("-start", "-data", "-before"))}
    assert set(matrix.saved) >= resumed
    for fault in resumed:
        record = matrix.after_second[fault]
        assert record.attempt == 2
        assert matrix.trained_once(fault), fault


def test_a_finished_sweep_contains_no_checkpoint_and_no_incomplete_file(matrix):
    assert matrix.after_second
    leftovers = [path.name for record in matrix.after_second.values() for path in record.folder.iterdir()]
    assert not {CHECKPOINT, CURVES} & set(leftovers)
    assert not [name for name in leftovers if name.startswith(".") and name != records.ALIVE]
