"""The local launcher: the number of attempts that it starts, and the lifetime of their processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_launcher import TRAINER, make_job

from descentlab.errors import UsageError
from descentlab.launchers.base import Fusing
from descentlab.launchers.local import Local, LocalAttempt
from descentlab.launchers.ray import _tasks_at_once
from descentlab.launchers.slots import Share, Slots
from descentlab.store.record import AT_ONCE, FUSE, LOG


def jobs(folder: Path, number: int, devices: int = 1, **config) -> list:
    return [make_job(folder, f"run{n}", trainer={**TRAINER, "devices": devices}, **config) for n in range(number)]


def launcher(folder: Path, cores: int, **config) -> Local:
    made = Local(jobs(folder, 1, **config))
    made.slots = Slots(cores, [], 1)
    return made


def groups(found: list) -> list:
    return [(job,) for job in found]


@pytest.mark.parametrize(("workers", "devices", "capacity"), [(None, 1, 4), (2, 1, 2), (9, 1, 4), (None, 2, 2), (1, 2, 1)])
def test_capacity_is_bounded_by_workers_and_by_cores(tmp_path, workers, devices, capacity):
    local = launcher(tmp_path, 4, workers=workers)
    waiting = groups(jobs(tmp_path, 9, devices))
    assert local.capacity(waiting) == capacity
    assert local.capacity(waiting) == capacity, "capacity() reserves nothing"
    assert local.capacity(waiting[:1]) == 1
    assert local.capacity([]) == 0


def test_a_group_of_jobs_uses_the_slots_of_one_job(tmp_path):
    local = launcher(tmp_path, 2)
    found = jobs(tmp_path, 6)
    assert local.capacity([tuple(found[:3]), tuple(found[3:5]), (found[5],)]) == 2


@pytest.mark.parametrize(("config", "at_once"), [({}, 4), ({"threads": 2}, 2), ({"threads": 3}, 1), ({"workers": 3}, 3)])
def test_runs_are_divided_into_as_many_groups_as_the_cores_allow(tmp_path, monkeypatch, config, at_once):
    monkeypatch.setattr("descentlab.launchers.local.cores", lambda: 4)
    monkeypatch.setattr("descentlab.config.machine.cores", lambda: 4)
    local = Local(jobs(tmp_path, 1, **config), "auto")
    assert (local.fusing.mode, local.fusing.at_once) == ("auto", at_once)


def test_the_mode_is_passed_to_groups_of_several_runs_only(tmp_path):
    first, second = jobs(tmp_path, 2)
    assert Fusing("always").environment((first, second)) == {FUSE: "always", AT_ONCE: "1"}
    assert Fusing("always").environment((first,)) == {}


@pytest.mark.parametrize(("at_once", "given"), [(0, "1"), (1, "1"), (7, "7")])
def test_groups_know_how_many_runs_could_run_at_the_same_time(tmp_path, at_once, given):
    assert Fusing("auto").environment(tuple(jobs(tmp_path, 2)), at_once)[AT_ONCE] == given


@pytest.mark.parametrize(
    ("needs", "tasks"),
    [
        ({"num_cpus": 1}, 64),
        ({"num_cpus": 4, "num_gpus": 0.5}, 16),
        ({"num_cpus": 1, "memory": 2**30}, 3),
        ({"num_cpus": 65}, 0),
    ],
)
def test_tasks_that_a_ray_cluster_runs_at_the_same_time(needs, tasks):
    assert _tasks_at_once({"CPU": 64.0, "GPU": 8.0, "memory": 3.5 * 2**30}, needs) == tasks


def test_jobs_that_exceed_this_machine_are_refused_in_the_first_and_in_later_rounds(tmp_path):
    with pytest.raises(UsageError, match=r"1 x \(1000 \+ 0\) = 1000"):
        launcher(tmp_path, 4, threads=1000)
    mistakes = launcher(tmp_path, 4).check(jobs(tmp_path, 1, threads=1000)).mistakes
    assert "1 x (1000 + 0) = 1000" in mistakes[0]


def test_the_local_launcher_adopts_no_attempts(tmp_path):
    assert launcher(tmp_path, 4).adopt(jobs(tmp_path, 2)) == []


def wait_long(folders, environment):
    """Replace `child.main`: instead of training, sleep in a separate process group."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked process inherits the handlers of the tests
    os.setsid()
    os.environ.update(environment)
    given = [os.environ.get(name, "") for name in ("CUDA_VISIBLE_DEVICES", FUSE)]
    Path(folders[0], "started").write_text(" ".join([*given, *folders]))
    time.sleep(600)


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """An attempt with two jobs, whose process sleeps."""
    monkeypatch.setattr("descentlab.launchers.child.main", wait_long)
    found = jobs(tmp_path, 2)
    for job in found:
        job.folder.mkdir()
    started = LocalAttempt(multiprocessing.get_context("fork"), tuple(found), Share(1, ("3",)), {FUSE: "always"})
    while not (found[0].folder / "started").exists():
        time.sleep(0.01)
    yield started
    started.kill()


def test_a_process_receives_the_folders_of_its_group_its_gpus_and_the_mode(attempt):
    assert attempt.began()
    assert attempt.ended() is None
    first, second = attempt.jobs
    assert (first.folder / "started").read_text() == f"3 always {first.folder} {second.folder}"


def test_stop_sends_sigterm_and_kill_ends_the_process_group(attempt):
    attempt.stop()
    attempt.process.join(30)
    assert attempt.ended() == f"killed by SIGTERM; see {LOG}"
    attempt.kill()
    assert attempt.ended() == f"killed by SIGTERM; see {LOG}"


def test_a_killed_attempt_releases_its_slots(tmp_path, attempt):
    local = launcher(tmp_path, 1)
    local.slots.take(attempt.jobs[0])
    local.attempts.append(attempt)
    attempt.share = Share(1)
    assert local.capacity(groups(jobs(tmp_path, 1))) == 0
    os.kill(attempt.process.pid, signal.SIGKILL)
    local.wait([attempt], 30)
    attempt.process.join(30)  # a forked process closes its sentinel just before it can be reaped
    assert attempt.ended() == f"killed by SIGKILL; see {LOG}"
    assert local.capacity(groups(jobs(tmp_path, 1))) == 1
    assert local.attempts == []


def test_leaving_the_context_kills_running_attempts(tmp_path, attempt):
    with launcher(tmp_path, 1) as local:
        local.attempts.append(attempt)
    assert attempt.ended() == f"killed by SIGKILL; see {LOG}"


@pytest.mark.slow
def test_a_real_job_runs_in_a_process_forked_from_the_server(job):
    real = job("optimizer=sgd", "budget.epochs=null", "budget.steps=2", "workers=1")
    with Local([real]) as local:
        assert local.check([real]).mistakes == []
        (started,) = local.start([(replace(real, attempt=1),)])
        while started.ended() is None:
            local.wait([started], 1)
    assert started.process.exitcode == 0
    assert (real.folder / "record.json").exists()
