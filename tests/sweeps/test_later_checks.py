"""The check of jobs that need not all work: checks that are ended or lack memory, and mistakes of single jobs."""

from __future__ import annotations

import multiprocessing
import signal
import time

import pytest
from support.fake_launcher import make_job

from descentlab.errors import UsageError
from descentlab.launchers import preflight
from descentlab.launchers.preflight import Findings
from descentlab.store.record import RECORD
from descentlab.sweeps.later_checks import check_each
from descentlab.sweeps.launch import check, train
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Grid

DEATH = f"{preflight.ENDED} while one step of MLP under Adam: killed by SIGKILL"
MEMORY = "MLP under Adam: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"


class TwoRounds(Grid):
    """Proposes the job `first`, and the job `second` once `first` has ended; no job is required if `optional`."""

    def __init__(self, first, second, optional=False):
        super().__init__([first])
        self.second, self.optional = second, optional

    def tell(self, record):
        self.jobs = [self.second] if record.name == "first" else []

    def required(self, jobs):
        return [] if self.optional else jobs


@pytest.fixture
def source(tmp_path):
    return TwoRounds(make_job(tmp_path / "s", "first"), make_job(tmp_path / "s", "second", batch_size=7))


@pytest.mark.parametrize("mistake", [DEATH, MEMORY])
def test_a_job_whose_later_check_is_ended_or_lacks_memory_is_started(launcher, source, mistake, capsys):
    launcher.mistakes = {"second": mistake}
    assert [str(record.status) for record in train(source, lambda _: launcher)] == ["completed", "completed"]
    assert f"{mistake}; the runs will show whether they work" in capsys.readouterr().err


@pytest.mark.parametrize("mistake", [DEATH, MEMORY])
def test_the_first_jobs_start_after_an_ended_check_unless_they_are_required(launcher, source, mistake):
    launcher.mistakes = {"first": mistake}
    with pytest.raises(UsageError, match="MLP under Adam"):
        train(source, lambda _: launcher)
    assert launcher.starts == []
    source = TwoRounds(source.second, source.second, optional=True)
    launcher.mistakes = {"second": mistake}
    assert [str(record.status) for record in train(source, lambda _: launcher)] == ["completed"]


def test_the_result_of_a_later_check_is_not_used_after_a_signal(launcher, source):
    signals, answer = StopSignals(), launcher.check

    def interrupted(jobs):
        if jobs[0].name == "second":
            signals.count, signals.first = 1, signal.SIGTERM
            return Findings(["ended with an unusual message"])
        return answer(jobs)

    launcher.check = interrupted
    assert [record.name for record in train(source, lambda _: launcher, signals)] == ["first"]
    assert not (source.second.folder / RECORD).exists()


def test_a_refused_job_is_found_by_dividing_the_jobs_into_halves(tmp_path, launcher):
    jobs = [make_job(tmp_path / "s", f"j{number}") for number in range(32)]
    launcher.mistakes = {"j5": "it cannot work"}
    refused = check(launcher, jobs, print, lambda jobs: [jobs[0]])
    assert refused == {"j5": "it cannot work"}
    assert len(launcher.checked) <= 1 + 1 + 1 + 2 * 5  # all, the required one, the others, and two of each size
    launcher.checked.clear()
    found = check_each(launcher.check, jobs)
    assert [job.name for job, _ in found.mistakes] == ["j5"]
    assert [job.name for job in found.valid] == [job.name for job in jobs if job.name != "j5"]
    assert len(launcher.checked) <= 1 + 2 * 5


def sleep_in_a_check(end):
    """Sleep, as a check that does not end soon."""
    time.sleep(600)


@pytest.mark.slow
def test_a_command_that_stops_ends_the_process_of_a_pending_check(launcher, source):
    signals, answer, server = StopSignals(), launcher.check, multiprocessing.get_context("fork")

    def check(jobs):
        if jobs[0].name != "second":
            return answer(jobs)
        with preflight._process(server, sleep_in_a_check) as (process, pipe):
            signals.count, signals.first = 1, signal.SIGTERM
            found = Findings()
            preflight._listen(pipe, process, found)
            launcher.mistakes = {"second": found.mistakes[0]}
        return found

    launcher.check = check
    assert [record.name for record in train(source, lambda _: launcher, signals)] == ["first"]
    assert launcher.mistakes["second"].startswith(preflight.ENDED)
    assert multiprocessing.active_children() == []


def test_memory_errors_are_recognized():
    texts = [
        "MemoryError: no message",
        "data: _ArrayMemoryError: Unable to allocate 8.00 TiB for an array",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 9 bytes",
        "AcceleratorError: CUDA error: out of memory",
    ]
    assert all(preflight.may_pass(text) for text in [*texts, DEATH, MEMORY])
    assert not preflight.may_pass("batch_size=5000 is more than the 1222 training examples")
