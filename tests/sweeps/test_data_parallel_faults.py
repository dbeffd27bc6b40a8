"""Faults in one of the processes of a data-parallel run."""

from __future__ import annotations

import os

import pytest
from support.curves import timeless_curves
from support.matrix import Matrix

PARALLEL = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "heartbeat=30")
RANKS = [
    "kill-mid-r0",
    "kill-mid-r1",
    "raise-mid-r1",
    "segfault-validation-r1",
    "hang-mid-r1",
    "raise-start-r1",
    "exit-record-r0",
]


@pytest.fixture(scope="module")
def parallel(make_lab) -> Matrix:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    return Matrix(make_lab(), RANKS, *PARALLEL)


@pytest.mark.slow
def test_a_fault_in_one_process_is_the_status_of_the_run(parallel):
    found = {fault: (str(record.status), record.reason) for fault, record in parallel.after_first.items()}
    assert found["none"][0] == "completed"
    assert {fault: status for fault, (status, _) in found.items() if fault != "none"} == {
        **{"kill-mid-r0": "crashed", "kill-mid-r1": "crashed", "raise-mid-r1": "failed", "segfault-validation-r1": "crashed"},
        **{"hang-mid-r1": "timeout", "raise-start-r1": "failed", "exit-record-r0": "crashed"},
    }, found
    assert "broken on purpose" in found["raise-mid-r1"][1]
    assert "broken on purpose" in found["raise-start-r1"][1]


@pytest.mark.slow
def test_the_same_command_completes_data_parallel_runs(parallel):
    assert parallel.second.returncode == 0, parallel.second.stderr
    assert set(parallel.lab.statuses().values()) == {"completed"}
    whole = timeless_curves(parallel.after_second["none"])
    assert not [fault for fault, record in parallel.after_second.items() if not timeless_curves(record).equals(whole)]
    for fault in (fault for fault in RANKS if "start" not in fault):
        assert parallel.after_second[fault].attempt == 2
        assert parallel.trained_once(fault), fault
