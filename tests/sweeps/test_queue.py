"""The queue, with a launcher that starts no processes and a simulated clock: retries, limits, adoption, stopping, groups."""

from __future__ import annotations

import signal

import pytest
from filelock import FileLock
from support.fake_launcher import BEAT, DIE, DIED, HANG, QUEUED, FakeAttempt, FakeLauncher, make_job

from descentlab.launchers.child import GRACE
from descentlab.store import provenance
from descentlab.store.record import ALIVE, CHECKPOINT, RECORD, Record, Status
from descentlab.sweeps import queue
from descentlab.sweeps.launch import train
from descentlab.sweeps.past import JobDecision, prepare
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Grid, Intake
from descentlab.sweeps.view import ProgressView


@pytest.fixture
def make(tmp_path):
    """Make jobs of one sweep: make("a", "b", retries=1)."""
    return lambda *names, **config: [make_job(tmp_path / "s", name, **config) for name in names]


def run(launcher, jobs, signals=None) -> dict[str, str]:
    """Run a grid of jobs; return the statuses by name."""
    return {record.name: str(record.status) for record in train(Grid(jobs), lambda _: launcher, signals)}


def test_every_job_runs_once_within_the_slots_of_the_launcher(clock, make):
    launcher = FakeLauncher(clock, slots=2)
    jobs = make("a", "b", "c", "d", "e")
    assert run(launcher, jobs) == dict.fromkeys("abcde", "completed")
    assert [names for _, names in launcher.starts] == [("a",), ("b",), ("c",), ("d",), ("e",)]
    assert launcher.most == 2
    assert launcher.checked == [["a", "b", "c", "d", "e"]]
    assert not launcher.entered
    assert all((job.folder / RECORD).exists() for job in jobs)


def test_records_are_in_the_order_of_the_jobs_for_any_durations(clock, make):
    launcher = FakeLauncher(clock, {"a": [BEAT]}, beats=9)
    assert list(run(launcher, make("a", "b", "c"))) == ["a", "b", "c"]


def test_a_run_that_dies_is_retried_after_delays_that_double(clock, make, capsys):
    launcher = FakeLauncher(clock, {"a": [DIE, DIE, "completed"]})
    assert run(launcher, make("a", retries=2)) == {"a": "completed"}
    first, second, third = (when for when, _ in launcher.starts)
    assert 4.0 <= second - first <= 5.0
    assert 8.0 <= third - second <= 9.0
    output = capsys.readouterr().err
    assert f"retry     a  {DIED}; again in 4 s" in output
    assert f"retry     a  {DIED}; again in 8 s" in output


def test_a_run_that_dies_more_often_than_retries_allows_is_crashed(clock, make):
    launcher = FakeLauncher(clock, {"a": [DIE]})
    (record,) = train(Grid(make("a", retries=1)), lambda _: launcher)
    assert (record.status, record.reason, record.attempt) == ("crashed", DIED, 2)
    assert len(launcher.starts) == 2
    assert Record.read(launcher.attempts[0].jobs[0].folder) == record


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout"])
def test_a_run_that_left_a_record_is_not_retried(clock, make, status):
    launcher = FakeLauncher(clock, {"a": [status]})
    assert run(launcher, make("a", retries=5)) == {"a": status}
    assert len(launcher.starts) == 1


@pytest.mark.parametrize(("checkpoint", "decision"), [(True, JobDecision.RESUME), (False, JobDecision.RERUN)])
def test_a_retry_resumes_if_there_is_a_checkpoint_and_reruns_if_not(clock, make, checkpoint, decision):
    (job,) = jobs = make("a", retries=1)
    launcher, intake = FakeLauncher(clock, {"a": [DIE, "completed"]}), Intake(Grid(jobs))
    launcher.on_wait = lambda: (job.folder / CHECKPOINT).touch() if checkpoint and len(launcher.starts) == 1 else None
    with launcher:
        queue.Queue(launcher, intake, intake.next().jobs, ProgressView(), StopSignals()).run()
    assert intake.decisions == {"a": decision}
    assert (job.folder / CHECKPOINT).exists() == checkpoint


def test_a_run_that_takes_longer_than_its_timeout_is_killed_and_not_retried(clock, make):
    launcher = FakeLauncher(clock, {"a": [HANG]})
    (record,) = train(Grid(make("a", timeout=50.0, retries=3)), lambda _: launcher)
    assert (record.status, record.reason) == ("timeout", "took more than timeout=50 seconds")
    assert launcher.attempts[0].killed
    assert 50 <= clock.now - launcher.starts[0][0] <= 52


def test_a_run_without_a_heartbeat_is_killed_and_retried(clock, make):
    launcher = FakeLauncher(clock, {"a": [HANG, "completed"]})
    assert run(launcher, make("a", heartbeat=10.0, retries=1)) == {"a": "completed"}
    assert launcher.attempts[0].killed
    launcher = FakeLauncher(clock, {"b": [HANG]})
    (record,) = train(Grid(make("b", heartbeat=10.0)), lambda _: launcher)
    assert (record.status, record.reason) == ("timeout", "hung: no progress for heartbeat=10 seconds")


def test_a_slow_run_with_a_heartbeat_is_not_killed(clock, make):
    launcher = FakeLauncher(clock, {"a": [BEAT]}, beats=200)
    assert run(launcher, make("a", heartbeat=1.0)) == {"a": "completed"}
    assert clock.now - launcher.starts[0][0] > 40


def test_time_in_the_queue_of_a_cluster_does_not_count_towards_limits(clock, make):
    launcher = FakeLauncher(clock, {"a": [QUEUED]}, queued=400)
    (record,) = train(Grid(make("a", timeout=5.0, heartbeat=3.0)), lambda _: launcher)
    assert record.reason == "hung: no progress for heartbeat=3 seconds"
    assert clock.now - launcher.starts[0][0] > 100


def test_attempts_of_an_earlier_command_are_adopted_and_not_started_again(clock, make, capsys):
    jobs = make("a", "b")
    launcher = FakeLauncher(clock)
    launcher.left = [FakeAttempt(launcher, (prepare(jobs[0], JobDecision.START),))]
    assert run(launcher, jobs) == {"a": "completed", "b": "completed"}
    assert [names for _, names in launcher.starts] == [("b",)]
    assert "1 already under way since an earlier command" in capsys.readouterr().err


def test_an_adopted_attempt_that_dies_counts_towards_retries(clock, make):
    (job,) = jobs = make("a", retries=1)
    launcher = FakeLauncher(clock, {"a": [DIE]})
    launcher.left = [FakeAttempt(launcher, (prepare(job, JobDecision.START),))]
    assert run(launcher, jobs) == {"a": "crashed"}
    assert len(launcher.starts) == 1


def test_a_result_of_an_earlier_command_is_reused(clock, make):
    jobs = make("a", "b")
    left = prepare(jobs[0], JobDecision.START).record(Status.COMPLETED, "")
    left.versions = provenance.origin(jobs[0].config)
    left.write(jobs[0].folder)
    launcher = FakeLauncher(clock)
    assert run(launcher, jobs) == {"a": "completed", "b": "completed"}
    assert [names for _, names in launcher.starts] == [("b",)]


def test_no_launcher_is_created_if_all_results_are_reused(make):
    (job,) = jobs = make("a")
    left = prepare(job, JobDecision.START).record(Status.DIVERGED, "")
    left.versions = provenance.origin(job.config)
    left.write(job.folder)
    (record,) = train(Grid(jobs), lambda _: pytest.fail("a launcher was made"))
    assert record.status == "diverged"


def test_a_job_held_by_a_process_of_an_earlier_command_starts_after_its_release(clock, make, capsys):
    (job,) = jobs = make("a")
    prepare(job, JobDecision.START)
    lock = FileLock(job.folder / ALIVE)
    lock.acquire()
    launcher = FakeLauncher(clock)
    launcher.on_wait = lambda: lock.release() if clock.now > 105 else None
    assert run(launcher, jobs) == {"a": "completed"}
    assert launcher.starts[0][0] > 105
    assert capsys.readouterr().err.count("a waits for a process that an earlier command has left") == 1


def test_a_folder_that_cannot_be_written_fails_its_run_only(clock, make):
    jobs = make("a", "b")
    jobs[0].folder.parent.mkdir()
    jobs[0].folder.touch()  # a file
    found = {record.name: record for record in train(Grid(jobs), lambda _: FakeLauncher(clock))}
    assert found["a"].status == "failed"
    assert found["a"].reason.startswith("its folder cannot be written")
    assert found["b"].status == "completed"


def test_on_error_stop_stops_the_other_runs_at_the_first_fault(clock, make, capsys):
    launcher = FakeLauncher(clock, {"a": ["failed"], "b": [HANG]})
    assert run(launcher, make("a", "b", "c", on_error="stop")) == {"a": "failed", "b": "interrupted"}
    assert [names for _, names in launcher.starts] == [("a",), ("b",)]
    assert "on_error=stop: the other runs are asked to stop" in capsys.readouterr().err


def stop_at(launcher, signals, *times):
    """Count a signal at each of `times`."""

    def on_wait():
        signals.count = sum(launcher.clock.now >= when for when in times)
        signals.first = signal.SIGINT if signals.count else 0

    launcher.on_wait = on_wait


def test_the_first_signal_stops_running_attempts_and_starts_no_others(clock, make, capsys):
    launcher, signals = FakeLauncher(clock, {"a": [HANG], "b": [HANG]}), StopSignals()
    stop_at(launcher, signals, 103)
    assert run(launcher, make("a", "b", "c"), signals) == {"a": "interrupted", "b": "interrupted"}
    assert all(attempt.stopped for attempt in launcher.attempts)
    assert clock.now < 105
    output = capsys.readouterr().err
    assert "stopping: 2 running save a checkpoint, 1 waiting will not start" in output
    assert "rerun the same command to resume" in output


def test_the_second_signal_kills_a_run_that_does_not_stop(clock, make):
    launcher, signals = FakeLauncher(clock, {"a": [HANG]}, obedient=False), StopSignals()
    stop_at(launcher, signals, 103, 110)
    (record,) = train(Grid(make("a")), lambda _: launcher, signals)
    assert (record.status, record.reason) == ("interrupted", DIED)
    assert 110 <= clock.now < 112


def test_a_run_that_does_not_stop_is_killed_after_the_grace_period(clock, make):
    launcher, signals = FakeLauncher(clock, {"a": [HANG]}, obedient=False), StopSignals()
    stop_at(launcher, signals, 103)
    assert run(launcher, make("a"), signals) == {"a": "interrupted"}
    assert 103 + GRACE <= clock.now < 105 + GRACE


def test_a_stopped_command_leaves_no_record_of_attempts_that_a_cluster_had_not_started(clock, make):
    launcher, signals = FakeLauncher(clock, {"a": [QUEUED]}, obedient=False), StopSignals()
    stop_at(launcher, signals, 103, 104)
    (job,) = jobs = make("a")
    assert run(launcher, jobs, signals) == {}
    assert not (job.folder / RECORD).exists()
