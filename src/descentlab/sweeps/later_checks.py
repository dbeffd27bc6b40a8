"""The check of jobs that may fail alone, and of jobs that a source proposes while others run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from descentlab.launchers import preflight
from descentlab.launchers.base import Launcher
from descentlab.launchers.checks.structure import structure_of
from descentlab.launchers.preflight import Findings
from descentlab.store.job import Job

TRIES, PAUSE = 50, 0.1  # of ending the pending checks, and seconds between two


@dataclass
class Checked:
    """The results of a check.

    Attributes:
        valid: the jobs in which no mistake was found.
        mistakes: the other jobs, each with its first mistake.
        notes: notes for the user.
    """

    valid: list[Job] = field(default_factory=list)
    mistakes: list[tuple[Job, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_each(check: Callable[[Sequence[Job]], Findings], jobs: Sequence[Job]) -> Checked:
    """Check `jobs` together, and find those with a mistake.

    A group with a mistake is divided into halves, since each check starts a process. A check that was ended or lacked memory is
    a note, and its jobs are valid: the run itself shows whether it works. A mistake would be recorded for good.
    """
    found = Checked()
    _add_checked(check, jobs, found)
    return found


def _add_checked(check: Callable[[Sequence[Job]], Findings], jobs: Sequence[Job], found: Checked) -> None:
    """Add the results to `found`."""
    answer = check(jobs)
    passing = [f"{text}; the runs will show whether they work" for text in answer.mistakes if preflight.may_pass(text)]
    lasting = [text for text in answer.mistakes if not preflight.may_pass(text)]
    found.notes += [note for note in (*answer.notes, *passing) if note not in found.notes]
    if not lasting:
        found.valid += jobs
    elif len(jobs) == 1:
        found.mistakes.append((jobs[0], lasting[0]))
    else:
        half = len(jobs) // 2
        _add_checked(check, jobs[:half], found)
        _add_checked(check, jobs[half:], found)


class LaterChecks:
    """Checks jobs in threads, so that the queue starts others meanwhile.

    A job that differs from a checked one in seeds, budget and numeric hyperparameters only is not checked again: it takes the
    same code paths, and a number that its optimizer refuses ends the run itself with the same message.

    Args:
        launcher: the launcher whose check is used.
        checked: jobs that were checked before.
    """

    def __init__(self, launcher: Launcher, checked: Sequence[Job]) -> None:
        self.launcher = launcher
        self.structures = {structure_of(job.config) for job in checked}
        self.pending: list[Future[Checked]] = []
        self.lock = threading.Lock()  # one check at a time
        self.closed = False

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs that need no check, and start the check of the others."""
        known: list[Job] = []
        unknown: list[Job] = []
        for job in jobs:
            (known if structure_of(job.config) in self.structures else unknown).append(job)
        if unknown:
            future: Future[Checked] = Future()
            self.pending.append(future)
            threading.Thread(target=self._run, args=(unknown, future), daemon=True).start()
        return known

    def take(self) -> list[Checked]:
        """Return the results of the checks that have ended since the last call.

        Raises:
            Exception: a check could not be run.
        """
        ended = [future for future in self.pending if future.done()]
        self.pending = [future for future in self.pending if future not in ended]
        found = [future.result() for future in ended]
        self.structures |= {structure_of(job.config) for each in found for job in each.valid}
        return found

    def close(self) -> None:
        """End the pending checks: at the exit of Python, multiprocessing would wait for their processes."""
        self.closed = True
        for _ in range(TRIES):
            if all(future.done() for future in self.pending):
                break
            preflight.end_checks()
            wait(self.pending, PAUSE)

    def _check(self, jobs: Sequence[Job]) -> Findings:
        return Findings() if self.closed else self.launcher.check(jobs)

    def _run(self, jobs: Sequence[Job], future: Future[Checked]) -> None:
        try:
            with self.lock:
                found = check_each(self._check, jobs)
            future.set_result(found)
        except BaseException as error:  # raised again where the result is taken
            future.set_exception(error)
