"""Sources that ask in rounds: each round depends on the records that the queue passed to `tell`."""

from __future__ import annotations

import pytest
from support.fake_launcher import Clock, FakeLauncher, make_job

from descentlab.errors import UsageError
from descentlab.store import provenance
from descentlab.store.record import CONFIG, Status
from descentlab.sweeps import queue, watch
from descentlab.sweeps.launch import train
from descentlab.sweeps.past import JobDecision, prepare
from descentlab.sweeps.source import Grid, Intake


@pytest.fixture
def launcher(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(queue, "time", clock)
    monkeypatch.setattr(watch, "time", clock)
    return FakeLauncher(clock)


class Rounds:
    """Proposes two jobs at a time until `number` rounds have ended; the next round waits for all records of the last."""

    def __init__(self, sweep, number, prefix="", **config):
        self.prefix = prefix
        self.sweep, self.number, self.config = sweep, number, config
        self.asked, self.told = 0, []

    def ask(self):
        if self.asked == self.number or len(self.told) < 2 * self.asked:
            return ()
        self.asked += 1
        return [make_job(self.sweep, f"{self.prefix}{self.asked}{letter}", **self.config) for letter in "ab"]

    def tell(self, record):
        self.told.append((record.name, str(record.status)))

    def required(self, jobs):
        return [job for job in jobs if not job.config.get("optional")]

    def save(self, sweep):
        self.saved = sweep


def finished(job, status=Status.COMPLETED):
    """Leave a result of an earlier command."""
    record = prepare(job, JobDecision.START).record(status, "")
    record.versions = provenance.origin(job.config)
    record.write(job.folder)


def test_a_grid_proposes_each_job_once(tmp_path):
    grid = Grid([make_job(tmp_path, "a"), make_job(tmp_path, "b")])
    assert [job.name for job in grid.ask()] == ["a", "b"]
    assert list(grid.ask()) == []


def test_each_round_waits_for_the_records_of_the_last_one(tmp_path, launcher):
    source = Rounds(tmp_path / "s", 3)
    records = train(source, lambda _: launcher)
    assert [record.name for record in records] == ["1a", "1b", "2a", "2b", "3a", "3b"]
    assert [name for _, names in launcher.starts for name in names] == [record.name for record in records]
    assert source.told == [(record.name, "completed") for record in records]
    assert launcher.checked == [["1a", "1b"], ["2a", "2b"], ["3a", "3b"]]


def test_reused_results_are_passed_to_the_source_like_new_ones(tmp_path, launcher):
    source = Rounds(tmp_path / "s", 2)
    for name in ("1a", "1b", "2a"):
        finished(make_job(tmp_path / "s", name), Status.DIVERGED)
    train(source, lambda _: launcher)
    assert [names for _, names in launcher.starts] == [("2b",)]
    assert dict(source.told) == {"1a": "diverged", "1b": "diverged", "2a": "diverged", "2b": "completed"}


def test_rounds_that_follow_from_earlier_results_are_proposed_together(tmp_path):
    """An attempt that an earlier command left on a cluster is adopted only if its job is among the first ones."""
    source = Rounds(tmp_path / "s", 3)
    for name in ("1a", "1b", "2a", "2b"):
        finished(make_job(tmp_path / "s", name))
    first = Intake(source).next()
    assert [job.name for job in first.jobs] == ["3a", "3b"]


def test_jobs_of_a_later_round_of_one_part_are_proposed_with_the_first_of_another(tmp_path):
    class Parts:
        def __init__(self):
            self.parts = [Rounds(tmp_path / "s", 2, prefix) for prefix in "xy"]

        def ask(self):
            return [job for part in self.parts for job in part.ask()]

        def tell(self, record):
            self.parts["xy".index(record.name[0])].tell(record)

    for name in ("x1a", "x1b"):
        finished(make_job(tmp_path / "s", name))
    assert [job.name for job in Intake(Parts()).next().jobs] == ["y1a", "y1b", "x2a", "x2b"]


def test_invalid_jobs_of_a_later_round_fail_and_the_sweep_continues(tmp_path, launcher):
    launcher.mistakes = {"2a": "batch_size=5000 is more than the 1222 training examples"}
    records = train(Rounds(tmp_path / "s", 3), lambda _: launcher)
    statuses = {record.name: (str(record.status), record.reason) for record in records}
    assert statuses["2a"] == ("failed", launcher.mistakes["2a"])
    assert statuses["2b"] == statuses["3b"] == ("completed", "")
    assert len(launcher.starts) == 5


def test_no_job_is_asked_for_after_an_invalid_one_has_stopped_the_sweep(tmp_path, launcher):
    launcher.mistakes = {"2a": "it cannot work"}
    source = Rounds(tmp_path / "s", 3, on_error="stop")
    train(source, lambda _: launcher)
    assert source.asked == 2


def test_invalid_jobs_of_the_first_round_are_refused_without_writing_files(tmp_path, launcher):
    launcher.mistakes = {"1a": "it cannot work"}
    with pytest.raises(UsageError, match="it cannot work"):
        train(Rounds(tmp_path / "s", 3), lambda _: launcher)
    assert not launcher.starts
    assert not (tmp_path / "s").exists()


def test_invalid_jobs_that_are_not_required_fail_alone_in_the_first_round(tmp_path, launcher):
    launcher.mistakes = {"1a": "it cannot work"}
    source = Rounds(tmp_path / "s", 1, optional=True)
    records = train(source, lambda _: launcher)
    assert {record.name: (str(record.status), record.reason) for record in records} == {
        "1a": ("failed", "it cannot work"),
        "1b": ("completed", ""),
    }
    assert [names for _, names in launcher.starts] == [("1b",)]
    assert (tmp_path / "s" / "1a" / CONFIG).exists()


def test_a_job_that_is_proposed_twice_runs_once_and_its_record_is_passed_twice(tmp_path):
    job, told = make_job(tmp_path / "s", "a"), []
    finished(job)

    class Twice:
        rounds = 2

        def ask(self):
            self.rounds -= 1
            return [job] if self.rounds >= 0 else []

        def tell(self, record):
            told.append(record.name)

        def save(self, sweep):
            pass

    intake = Intake(Twice())
    assert intake.next().jobs == []
    assert told == ["a", "a"]
    assert [record.name for record in intake.ended()] == ["a"]


def test_records_of_faults_are_passed_to_the_source(tmp_path, launcher):
    launcher.outcomes = {"1a": ["failed"], "1b": ["die"]}
    source = Rounds(tmp_path / "s", 1)
    train(source, lambda _: launcher)
    assert dict(source.told) == {"1a": "failed", "1b": "crashed"}
    assert (tmp_path / "s" / "1b" / CONFIG).exists()


def test_a_source_without_jobs_trains_nothing(tmp_path):
    assert train(Grid([]), lambda _: pytest.fail("a launcher was made")) == []
