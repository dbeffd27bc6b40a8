"""Sources that ask in rounds: each round depends on the records that the queue passed to `tell`."""

from __future__ import annotations

import threading

import pytest
from support.fake_launcher import FakeAttempt, make_job

from descentlab.errors import UsageError
from descentlab.launchers import preflight
from descentlab.store import provenance
from descentlab.store.record import CONFIG, Status
from descentlab.sweeps.launch import train
from descentlab.sweeps.past import JobDecision, prepare
from descentlab.sweeps.source import Grid, Intake


class Rounds:
    """Proposes two jobs at a time until `number` rounds have ended; the next round waits for all records of the last.

    Each round has another batch size, so that its jobs are checked, unless `config` gives one.
    """

    def __init__(self, sweep, number, prefix="", **config):
        self.prefix = prefix
        self.sweep, self.number, self.config = sweep, number, config
        self.asked, self.told = 0, []
        self.of_round = lambda number: {}

    def ask(self):
        if self.asked == self.number or len(self.told) < 2 * self.asked:
            return ()
        self.asked += 1
        config = {"batch_size": self.asked, **self.config, **self.of_round(self.asked)}
        return [make_job(self.sweep, f"{self.prefix}{self.asked}{letter}", **config) for letter in "ab"]

    def tell(self, record):
        self.told.append((record.name, str(record.status)))

    def required(self, jobs):
        return [job for job in jobs if not job.config.get("optional")]

    def save(self, sweep):
        self.saved = sweep


class TwoParts:
    """Proposes the rounds of two independent parts, x and y."""

    def __init__(self, sweep, number):
        self.parts = [Rounds(sweep, number, prefix) for prefix in "xy"]

    def ask(self):
        return [job for part in self.parts for job in part.ask()]

    def tell(self, record):
        self.parts["xy".index(record.name[0])].tell(record)

    def required(self, jobs):
        return jobs

    def save(self, sweep):
        pass


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


def test_jobs_of_later_rounds_that_differ_in_numbers_only_are_not_checked_again(tmp_path, launcher):
    source = Rounds(tmp_path / "s", 3, batch_size=32)
    source.of_round = lambda number: {"optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1**number}, "seed": number}
    train(source, lambda _: launcher)
    assert launcher.checked == [["1a", "1b"]]


def test_the_queue_starts_other_jobs_during_the_check_of_a_later_round(tmp_path, launcher):
    """The check of the second round of one part ends only when a job of the other part has started."""
    parts = TwoParts(tmp_path / "s", 3)
    parts.parts[1].config = {"batch_size": 1}  # its jobs are not checked again
    started, check = threading.Event(), launcher.check

    def slow(jobs):
        if jobs[0].name == "x2a":
            assert started.wait(30), "the queue waits for the check"
        return check(jobs)

    def on_wait():
        if ("y3a",) in [names for _, names in launcher.starts]:
            started.set()

    launcher.check, launcher.on_wait = slow, on_wait
    records = train(parts, lambda _: launcher)
    assert {str(record.status) for record in records} == {"completed"}
    assert len(records) == 12


def test_an_error_of_the_check_of_a_later_round_ends_the_command(tmp_path, launcher):
    check = launcher.check

    def broken(jobs):
        if jobs[0].name == "2a":
            raise OSError("no more processes")
        return check(jobs)

    launcher.check = broken
    with pytest.raises(OSError, match="no more processes"):
        train(Rounds(tmp_path / "s", 2), lambda _: launcher)


def test_attempts_at_jobs_of_a_later_round_are_adopted(tmp_path, launcher):
    """A result of the first round is missing, so that the second round is proposed later."""
    source = Rounds(tmp_path / "s", 2)
    finished(make_job(tmp_path / "s", "1a"))
    left = prepare(make_job(tmp_path / "s", "2a", batch_size=2), JobDecision.START)
    launcher.left = [FakeAttempt(launcher, (left,))]
    records = train(source, lambda _: launcher)
    assert [names for _, names in launcher.starts] == [("1b",), ("2b",)]
    assert {record.name: record.attempt for record in records}["2a"] == 1


def test_the_digest_of_a_users_data_is_computed_once_for_all_rounds(tmp_path, monkeypatch):
    asked = []

    def digests_of(server, nodes):
        asked.extend(nodes)
        return [None for _ in nodes]

    monkeypatch.setattr(preflight, "digests_of", digests_of)
    source = Rounds(tmp_path / "s", 3, data={"_target_": "mine.Data"})
    for name in ("1a", "1b", "2a", "2b", "3a"):
        finished(make_job(tmp_path / "s", name, data={"_target_": "mine.Data"}))
    assert [job.name for job in Intake(source).next().jobs] == ["3b"]
    assert len(asked) == 1


def test_rounds_that_follow_from_earlier_results_are_proposed_together(tmp_path):
    source = Rounds(tmp_path / "s", 3)
    for name in ("1a", "1b", "2a", "2b"):
        finished(make_job(tmp_path / "s", name))
    first = Intake(source).next()
    assert [job.name for job in first.jobs] == ["3a", "3b"]


def test_jobs_of_a_later_round_of_one_part_are_proposed_with_the_first_of_another(tmp_path):
    for name in ("x1a", "x1b"):
        finished(make_job(tmp_path / "s", name))
    assert [job.name for job in Intake(TwoParts(tmp_path / "s", 2)).next().jobs] == ["y1a", "y1b", "x2a", "x2b"]


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
