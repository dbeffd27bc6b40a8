"""The Slurm of the tests is real, fast, and reachable from this machine only."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
from support.slurm import Slurm
from support.waiting import wait_until


def _submit(slurm: Slurm, script: str, *options: str) -> str:
    """Submit a job that runs `script`, and return its id."""
    output = f"--output={slurm.folder}/job-%A-%a.out"
    return slurm.do("sbatch", "--parsable", output, *options, "--wrap", script).strip()


def test_a_job_starts_within_seconds_and_its_end_is_reported(slurm):
    began = time.monotonic()
    good, bad = _submit(slurm, "exit 0"), _submit(slurm, "exit 3")
    wait_until(lambda: {slurm.states()[good], slurm.states()[bad]} == {"COMPLETED", "FAILED"}, 15, "two jobs to end")
    assert slurm.states()[good] == "COMPLETED"
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_elements_of_an_array_run_one_at_a_time_if_requested(slurm):
    job = _submit(slurm, "sleep 1", "--array=0-2%1")
    running = 0
    while any(slurm.states()[f"{job}_{index}"] != "COMPLETED" for index in range(3)):
        running = max(running, list(slurm.states().values()).count("RUNNING"))
        time.sleep(0.2)
    assert running == 1


@pytest.mark.slow
def test_a_requeued_job_starts_again_within_seconds(slurm):
    job = _submit(slurm, "echo start $SLURM_RESTART_COUNT; sleep 30", "--open-mode=append")
    output = slurm.folder / f"job-{job}-4294967294.out"
    wait_until(lambda: output.exists() and "start" in output.read_text(), 10, "the job to start")
    slurm.do("scontrol", "requeue", job)
    wait_until(lambda: "start 1" in output.read_text(), 20, "the job to start again")
    slurm.do("scancel", job)


def test_nothing_listens_beyond_loopback(slurm):
    listening = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True, check=True).stdout
    addresses = re.findall(r"LISTEN\s+\d+\s+\d+\s+(\S+):\d+ .*slurm", listening)
    assert addresses
    assert set(addresses) == {"127.0.0.1"}
