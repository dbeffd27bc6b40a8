"""retries, timeout, heartbeat and on_error in real sweeps."""

from __future__ import annotations

import re

import pytest
from support.curves import timeless_curves

from descentlab.store import record as records


@pytest.mark.slow
def test_crashed_and_hung_runs_are_retried_failed_and_diverged_ones_are_not(lab, uninterrupted):
    faults = "kill-mid-x2,kill-start-x3,hang-mid,raise-mid,nan-mid"
    answer = lab.run(f"+model.fault={faults}", "retries=2", "retry_after=0.5", "heartbeat=8")
    found = lab.records()
    assert {fault: (str(record.status), record.attempt) for fault, record in found.items()} == {
        "kill-mid-x2": ("completed", 3),
        "kill-start-x3": ("crashed", 3),
        "hang-mid": ("completed", 2),
        "raise-mid": ("failed", 1),
        "nan-mid": ("diverged", 1),
    }
    assert answer.returncode == 1
    assert len(list((lab.folder / "markers").glob(f"{found['kill-start-x3'].id}.*"))) == 3
    delays = {fault: re.findall(rf"retry .*{found[fault].name} .*again in ([\d.]+) s", answer.stderr) for fault in found}
    assert delays["kill-mid-x2"] == delays["kill-start-x3"] == ["0.5", "1"]
    assert delays["hang-mid"] == ["0.5"]
    assert not delays["raise-mid"] + delays["nan-mid"]
    for fault, strikes in (("kill-mid-x2", 2), ("hang-mid", 1)):
        assert timeless_curves(found[fault]).equals(uninterrupted())
        log = (found[fault].folder / records.LOG).read_text()
        assert log.count("strikes") == strikes, "the log of a resumed run holds all attempts, that of a rerun only the last"


@pytest.mark.slow
def test_a_run_over_its_timeout_is_killed_and_resumes_under_a_longer_one(lab, uninterrupted):
    first = lab.run("+model.fault=hang-mid,none", "timeout=5")
    assert first.returncode == 1
    assert lab.statuses() == {"hang-mid": "timeout", "none": "completed"}
    assert lab.records()["hang-mid"].reason == "took more than timeout=5 seconds"
    second = lab.run("+model.fault=hang-mid,none", "timeout=300")
    assert second.returncode == 0
    assert "1 of 2 resume from their checkpoints (1 timeout)" in second.stderr
    assert timeless_curves(lab.records()["hang-mid"]).equals(uninterrupted())


@pytest.mark.slow
def test_on_error_stop_ends_the_sweep_at_the_first_fault(lab):
    words = ["+model.fault=raise-mid,none-a,none-b,none-c", "+model.pause=0.2", "on_error=stop"]
    first = lab.run(*words)
    assert first.returncode == 1
    assert "on_error=stop: the other runs are asked to stop" in first.stderr
    assert lab.statuses() == {"raise-mid": "failed", "none-a": "interrupted"}
    assert lab.records()["none-a"].reason.startswith("SIGTERM at step")
    second = lab.run(*words)
    assert second.returncode == 0
    assert set(lab.statuses().values()) == {"completed"}
    assert len({timeless_curves(record).write_json() for record in lab.records().values()}) == 1
