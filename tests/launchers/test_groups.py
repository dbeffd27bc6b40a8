"""Fused groups end to end: the commands of the local launcher and of a real Slurm, with kills and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal

import pytest
from support.bench import FUSED, Bench, close_to, finish, ordered_curves

from descentlab.store.record import AT_ONCE, CHECKPOINT

pytestmark = pytest.mark.slow
LONG = ("budget.steps=6000", "log_every=500", "validate_every=3000")  # some seconds

ON_SLURM = ("hydra/launcher=slurm", *FUSED)


def slurm_job(bench: Bench, seed: int) -> str:
    """Return the id of the Slurm job of a run."""
    return json.loads((bench.run_folder(seed) / "slurm.json").read_text())["id"]


def assert_complete(bench: Bench, seeds: int) -> None:
    assert bench.statuses() == dict.fromkeys(range(seeds), "completed")
    assert bench.is_quiet_within()


def test_local_groups_give_the_curves_of_single_runs(bench, local):
    answer = bench.run("-m", "seed=0,1,2,3", "workers=1", *FUSED)
    assert answer.returncode == 0, answer.stderr
    assert "4 runs in 1 fused group" in answer.stderr
    assert answer.stderr.count("started ") == 1
    assert_complete(bench, 4)
    for seed, record in bench.records().items():
        assert close_to(ordered_curves(record), local[seed], norms_until=200)


def test_a_killed_command_with_a_group_is_resumed(bench):
    words = ("-m", "seed=0,1", "workers=1", *LONG, *FUSED)
    command = bench.start(*words)
    bench.wait_for(0)
    command.kill()
    finish(command)
    assert bench.is_quiet_within(30)
    answer = bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert_complete(bench, 2)


def test_ctrl_c_stops_a_group_and_the_same_command_resumes(bench):
    words = ("-m", "seed=0,1", "workers=1", *LONG, *FUSED)
    command = bench.start(*words)
    bench.wait_for(0)
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 60)
    assert answer.returncode == 130, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "interrupted" in bench.statuses().values()
    assert bench.is_quiet_within()
    answer = bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert_complete(bench, 2)


def test_a_group_is_one_slurm_job_and_is_not_larger_than_group_size(slurm_bench, local):
    limits = ("hydra.launcher.group_size=2", "hydra.launcher.array_parallelism=6")
    answer = slurm_bench.run("-m", "seed=0,1,2,3", *ON_SLURM, *limits)
    assert answer.returncode == 0, answer.stderr
    assert "4 runs in 2 fused groups" in answer.stderr
    first, *others = (slurm_job(slurm_bench, seed) for seed in range(4))
    array = first.partition("_")[0]
    assert [first, *others] == [f"{array}_0", f"{array}_0", f"{array}_1", f"{array}_1"]
    submitit = pytest.importorskip("submitit")
    submitted = [submitit.helpers.DelayedSubmission.load(path) for path in slurm_bench.sweep.glob(".slurm/*_submitted.pkl")]
    assert {each.function.of_groups[AT_ONCE] for each in submitted} == {"3"}, "6 Slurm jobs at a time for 2 groups"
    assert_complete(slurm_bench, 4)
    for seed, record in slurm_bench.records().items():
        assert close_to(ordered_curves(record), local[seed], norms_until=200)


def test_a_slurm_group_outlives_a_killed_command_and_is_adopted(slurm_bench):
    words = ("-m", "seed=0,1", *LONG, *ON_SLURM)
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0)
    command.kill()
    finish(command)
    job = slurm_job(slurm_bench, 0)
    answer = slurm_bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert "2 already under way since an earlier command" in answer.stderr
    assert [slurm_job(slurm_bench, seed) for seed in range(2)] == [job, job]
    assert_complete(slurm_bench, 2)
    assert {record.attempt for record in slurm_bench.records().values()} == {1}


def test_ctrl_c_saves_a_slurm_group(slurm_bench):
    words = ("-m", "seed=0,1", *LONG, *ON_SLURM)
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0)
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 90)
    assert answer.returncode == 130, answer.stderr
    assert slurm_bench.statuses()[0] == "interrupted"
    assert (slurm_bench.run_folder(0) / CHECKPOINT).exists()
    assert slurm_bench.is_quiet_within()
    answer = slurm_bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    assert_complete(slurm_bench, 2)
