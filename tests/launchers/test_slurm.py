"""hydra/launcher=slurm on a real Slurm: after any failure of jobs or of the command, curves equal those of local runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from support.bench import AS_TWO, Bench, close_to, finish, ordered_curves, read_until
from support.slurm import Slurm
from support.waiting import wait_until
from support.wandb_file import offline_runs

from descentlab.store import record as records

pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")

ON_SLURM = "hydra/launcher=slurm"


def job(bench: Bench, seed: int) -> str:
    """Return the id of the Slurm job of a run."""
    return json.loads((bench.run_folder(seed) / "slurm.json").read_text())["id"]


def count(slurm: Slurm, state: str) -> int:
    return list(slurm.states().values()).count(state)


@pytest.mark.slow
def test_a_sweep_is_one_array_and_gives_the_curves_of_the_local_launcher(slurm, slurm_bench, local):
    words = ("-m", "seed=0,1,2", ON_SLURM, "logger=wandb")
    answer = slurm_bench.run(*words, WANDB_MODE="offline")
    assert answer.returncode == 0, answer.stderr
    assert slurm_bench.statuses() == dict.fromkeys((0, 1, 2), "completed")
    array = job(slurm_bench, 0).partition("_")[0]
    assert [job(slurm_bench, seed) for seed in range(3)] == [f"{array}_{seed}" for seed in range(3)]
    for seed, record in slurm_bench.records().items():
        assert ordered_curves(record).equals(local[seed])
        assert record.attempt == 1
    assert len(offline_runs(slurm_bench.sweep)) == 3
    jobs = set(slurm.states())
    again = slurm_bench.run(*words, WANDB_MODE="offline")
    assert again.returncode == 0
    assert "3 of 3 finished before and reused" in again.stderr
    assert set(slurm.states()) <= jobs, "nothing is submitted again"
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_runs_of_two_processes_are_jobs_of_two_tasks_in_a_separate_array(slurm_bench, local):
    answer = slurm_bench.run("-m", "seed=0", *AS_TWO[:-1], "trainer.devices=1,2", ON_SLURM)
    assert answer.returncode == 0, answer.stderr
    tasks: dict[str, set[str]] = {}
    for path in slurm_bench.play.glob("task-*"):
        number, _, task = path.name.removeprefix("task-").partition(".")
        tasks.setdefault(number, set()).add(task)
    found = {record.config["trainer"]["devices"]: record for record in records.find(slurm_bench.sweep)}
    numbers = {devices: json.loads((record.folder / "slurm.json").read_text())["id"] for devices, record in found.items()}
    assert tasks == {numbers[1]: {"0"}, numbers[2]: {"0", "1"}}
    scripts = sorted(path.read_text() for path in slurm_bench.sweep.glob(".slurm/*_submission.sh"))
    assert sorted(re.findall(r"--ntasks-per-node=(\d)", "".join(scripts))) == ["1", "2"]
    for record in found.values():
        assert record.status == "completed"
        assert close_to(ordered_curves(record), local[0])
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_a_cancelled_job_does_not_affect_the_others_and_can_be_resumed(slurm, slurm_bench, local):
    """array_parallelism=1 runs one job at a time."""
    words = ("-m", "seed=0,1,2", ON_SLURM, "hydra.launcher.array_parallelism=1")
    slurm_bench.slow()
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0)
    assert count(slurm, "RUNNING") == 1
    slurm.do("scancel", job(slurm_bench, 0))
    slurm_bench.fast()
    most = 0
    while command.poll() is None:
        most = max(most, count(slurm, "RUNNING"))
        time.sleep(0.2)
    answer = finish(command)
    assert most == 1
    assert answer.returncode == 1, answer.stderr
    found = slurm_bench.records()
    assert slurm_bench.statuses()[0] in ("interrupted", "crashed")
    assert (slurm_bench.statuses()[1], slurm_bench.statuses()[2]) == ("completed", "completed")
    reason = found[0].reason
    again = slurm_bench.run(*words)
    assert again.returncode == 0, again.stderr
    assert "1 of 3 resume from their checkpoints" in again.stderr
    found = slurm_bench.records()
    assert found[0].attempt == 2
    for seed, record in found.items():
        assert ordered_curves(record).equals(local[seed])
    assert "SIGTERM" in reason or "CANCELLED" in reason, "the reason of the run, or of Slurm"


def warned(slurm: Slurm, bench: Bench, seed: int) -> str:
    """Send a run the signal that Slurm sends before the time limit; return its job once Slurm has queued it again."""
    number = job(bench, seed)
    slurm.do("scancel", "--signal=USR2", number)
    wait_until(lambda: slurm.states()[number] == "PENDING", 30, "the job to be queued again")
    return number


@pytest.mark.slow
def test_two_tasks_that_receive_the_time_limit_signal_save_and_resume_together(slurm, slurm_bench, local):
    slurm_bench.slow()
    command = slurm_bench.start("seed=0", ON_SLURM, *AS_TWO)
    slurm_bench.wait_for(0)
    number = warned(slurm, slurm_bench, 0)
    saved = slurm_bench.records()[0]
    assert saved.status == "interrupted"
    slurm_bench.fast()
    answer = finish(command)
    assert answer.returncode == 0, answer.stderr
    (record,) = slurm_bench.records().values()
    assert record.status == "completed"
    assert close_to(ordered_curves(record), local[0])
    assert job(slurm_bench, 0) == number, "it is the same job"
    assert record.attempt == 2
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_a_run_resumes_after_its_time_limit_and_any_time_in_the_queue(slurm, slurm_bench, local):
    """A job that is queued again may wait longer than its heartbeat without counting as hung."""
    heartbeat = 30
    slurm_bench.slow(0.3)  # would take 90 s without the limit of one minute
    limit = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=10", f"heartbeat={heartbeat}")
    command = slurm_bench.start("-m", "seed=0", ON_SLURM, *limit, "logger=wandb", WANDB_MODE="offline")
    slurm_bench.wait_for(0)
    number = job(slurm_bench, 0)
    wait_until(lambda: slurm.states()[number] == "PENDING", 90, "the limit")
    slurm.do("scontrol", "hold", number)
    assert slurm_bench.records()[0].status == "interrupted"
    slurm_bench.fast()
    time.sleep(heartbeat + 3)
    assert command.poll() is None, finish(command).stderr
    slurm.do("scontrol", "release", number)
    answer = finish(command)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("completed") == 1
    (record,) = slurm_bench.records().values()
    assert record.status == "completed"
    assert ordered_curves(record).equals(local[0])
    assert job(slurm_bench, 0) == number, "it is the same job"
    assert len(list(slurm_bench.sweep.glob("wandb/offline-run-*"))) == 1
    assert record.attempt == 2
    assert slurm_bench.is_quiet_within()


@pytest.mark.slow
def test_jobs_outlive_a_killed_command_and_the_same_command_adopts_them(slurm, slurm_bench, local):
    words = ("-m", "seed=0,1,2", ON_SLURM)
    slurm_bench.slow(1.0)
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0, 1)
    command.kill()
    finish(command)
    jobs = {seed: job(slurm_bench, seed) for seed in range(3)}
    time.sleep(3)
    assert [slurm.states()[jobs[seed]] for seed in range(3)] == ["RUNNING", "RUNNING", "PENDING"]
    command = slurm_bench.start(*words)
    assert read_until(command, "already under way").endswith("3 already under way since an earlier command\n")
    assert not slurm_bench.records()
    slurm_bench.fast()
    answer = finish(command)
    assert answer.returncode == 0, answer.stderr
    assert {seed: job(slurm_bench, seed) for seed in range(3)} == jobs
    assert {state.partition("_")[0] for state in slurm.states()} >= {jobs[0].partition("_")[0]}
    for seed, record in slurm_bench.records().items():
        assert record.status == "completed"
        assert record.attempt == 1
        assert ordered_curves(record).equals(local[seed])
    assert slurm_bench.is_quiet_within()


@pytest.fixture
def unreachable(slurm_bench, tmp_path):
    """A file; while it exists, squeue cannot reach the controller, as happens for minutes on real clusters."""
    real, file = shutil.which("squeue", path=slurm_bench.environment["PATH"]), tmp_path / "unreachable"
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "squeue").write_text(f"""#!/bin/sh
test -e {file} || exec {real} "$@"
echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2
exit 1
""")
    (folder / "squeue").chmod(0o755)
    slurm_bench.environment = {**slurm_bench.environment, "PATH": f"{folder}:{slurm_bench.environment['PATH']}"}
    return file


@pytest.mark.slow
def test_an_unreachable_controller_causes_no_lost_run_and_no_second_start(slurm, slurm_bench, local, unreachable):
    words = ("-m", "seed=0,1", ON_SLURM)
    slurm_bench.slow()
    unreachable.touch()
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0, 1)
    jobs = set(slurm.states())
    time.sleep(13)  # longer than a record may take to arrive from another node
    assert not slurm_bench.records(), "their end is unknown"
    command.kill()
    finish(command)
    command = slurm_bench.start(*words)
    time.sleep(12)  # until it asks squeue for the jobs
    slurm_bench.fast()
    wait_until(lambda: len(slurm_bench.records()) == 2, 60, "the jobs to finish, which the command cannot see")
    unreachable.unlink()
    answer = finish(command)
    assert set(slurm.states()) <= jobs
    if answer.returncode:  # it may also refuse
        assert answer.returncode == 2
        assert "squeue" in answer.stderr
        answer = slurm_bench.run(*words)
        assert set(slurm.states()) <= jobs
    assert answer.returncode == 0, answer.stderr
    for seed, record in slurm_bench.records().items():
        assert record.status == "completed"
        assert ordered_curves(record).equals(local[seed])


@pytest.mark.slow
def test_ctrl_c_saves_running_jobs_and_cancels_waiting_ones(slurm, slurm_bench, local):
    words = ("-m", "seed=0,1,2", ON_SLURM)
    slurm_bench.slow()
    command = slurm_bench.start(*words)
    slurm_bench.wait_for(0, 1)
    third = job(slurm_bench, 2)
    os.killpg(command.pid, signal.SIGINT)
    answer = finish(command, 60)
    assert answer.returncode == 130, answer.stderr
    assert "Traceback" not in answer.stderr
    assert {slurm_bench.statuses()[seed] for seed in (0, 1)} == {"interrupted"}
    assert slurm_bench.statuses().get(2, "interrupted") == "interrupted"
    assert third not in slurm.states() or slurm.states()[third] == "CANCELLED"
    wait_until(lambda: not slurm.do("squeue", "-h"), 10, "the queue to be empty")
    assert slurm_bench.is_quiet_within()
    slurm_bench.fast()
    answer = slurm_bench.run(*words)
    assert answer.returncode == 0, answer.stderr
    for seed, record in slurm_bench.records().items():
        assert record.status == "completed"
        assert ordered_curves(record).equals(local[seed])
    assert [slurm_bench.records()[seed].attempt for seed in (0, 1)] == [2, 2]


@pytest.mark.slow
def test_a_run_that_fails_shows_its_traceback_and_one_that_dies_is_retried(slurm, slurm_bench, local):
    for fault in ("exit-0", "raise-1"):
        (slurm_bench.play / fault).touch()
    command = slurm_bench.start("-m", "seed=0,1,2", ON_SLURM, "retries=1", "retry_after=1")
    wait_until(lambda: len(list(slurm_bench.play.glob("task-*"))) == 3, 120, "the runs")
    first = job(slurm_bench, 0)
    wait_until(lambda: slurm.states()[first] != "RUNNING", 30, "the death of one")
    (slurm_bench.play / "exit-0").unlink()
    answer = finish(command)
    assert answer.returncode == 1
    assert slurm_bench.statuses() == {0: "completed", 1: "failed", 2: "completed"}
    found = slurm_bench.records()
    assert found[1].reason == "ArithmeticError: the seventh step"
    assert 'raise ArithmeticError("the seventh step")' in answer.stderr
    assert [found[seed].attempt for seed in range(3)] == [2, 1, 1]
    assert job(slurm_bench, 0) != first
    assert ordered_curves(found[0]).equals(local[0])


@pytest.mark.slow
def test_a_refusal_of_sbatch_is_reported_in_a_sentence(slurm_bench):
    answer = slurm_bench.run("-m", "seed=0,1", ON_SLURM, "hydra.launcher.partition=nowhere")
    assert answer.returncode == 2, answer.stderr
    assert "invalid partition" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_slurm_is_reported(bench, tmp_path):
    (tmp_path / "bin").mkdir()
    answer = bench.run("-m", "seed=0,1", ON_SLURM, PATH=str(tmp_path / "bin"))
    assert answer.returncode == 2
    assert re.fullmatch(r"(?s).*there is no sbatch here; run this on a node of a Slurm cluster\n", answer.stderr)
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("launcher", ["slurm", "ray"])
def test_a_mistyped_setting_is_refused_before_anything_starts(bench, launcher):
    answer = bench.run("-m", "seed=0,1", f"hydra/launcher={launcher}", "hydra.launcher.adress=5")
    assert answer.returncode == 2
    assert "adress" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not Path(bench.sweep).exists()
