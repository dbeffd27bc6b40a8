"""Exit codes of processes that several threads start and wait for."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import threading
import time
from multiprocessing.connection import wait

import pytest
from support.fake_launcher import make_job

from descentlab.launchers import preflight
from descentlab.launchers.local import LocalAttempt
from descentlab.launchers.slots import Share
from descentlab.store.record import LOG

PAUSE = 0.3  # seconds


def die(*about):
    """Die, as a run or a check for which memory does not suffice."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def slow_reads(monkeypatch):
    """Pause before each read of an exit code, so that two threads which read at about the same time do so together."""
    read = multiprocessing.forkserver.read_signed

    def read_late(fd):
        time.sleep(PAUSE)
        return read(fd)

    monkeypatch.setattr(multiprocessing.forkserver, "read_signed", read_late)


@pytest.mark.slow
def test_the_start_of_a_check_in_a_thread_does_not_replace_the_exit_code_of_a_run(tmp_path, slow_reads, monkeypatch):
    monkeypatch.setattr("descentlab.launchers.child.main", die)
    server = multiprocessing.get_context("forkserver")
    attempt = LocalAttempt(server, (make_job(tmp_path, "run"),), Share(1, ()), {})
    wait([attempt.process.sentinel])

    def check():
        with preflight._process(server, die):
            pass

    thread = threading.Thread(target=check)
    thread.start()
    time.sleep(PAUSE / 2)
    attempt.ended()
    thread.join()
    assert attempt.ended() == f"killed by SIGKILL; see {LOG}"
