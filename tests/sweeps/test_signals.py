"""Signals that stop the command, and the exit code that follows from the records and the signals."""

from __future__ import annotations

import os
import signal

import pytest
from support.fake_launcher import make_job

from descentlab.cli import exit_code
from descentlab.store.record import Status
from descentlab.sweeps.signals import StopSignals


@pytest.mark.parametrize("signum", StopSignals.SIGNALS)
def test_signals_are_counted_and_the_handlers_restored(signum, request):
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, under which the tests may run, ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGHUP, hangup))
    before = [signal.getsignal(each) for each in StopSignals.SIGNALS]
    with StopSignals() as signals:
        assert (signals.count, signals.first) == (0, 0)
        os.kill(os.getpid(), signum)
        assert (signals.count, signals.first) == (1, signum)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (signals.count, signals.first) == (2, signum)
    assert [signal.getsignal(each) for each in StopSignals.SIGNALS] == before


def test_a_signal_that_nohup_ignores_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.count == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("statuses", "first", "code"),
    [
        (["completed", "diverged"], 0, 0),
        (["completed", "failed"], 0, 1),
        (["crashed"], 0, 1),
        (["timeout", "completed"], 0, 1),
        (["interrupted"], 0, 1),
        (["interrupted", "completed"], signal.SIGINT, 130),
        (["completed"], signal.SIGTERM, 143),
        ([], signal.SIGHUP, 129),
    ],
)
def test_the_exit_code_distinguishes_results_faults_and_signals(tmp_path, statuses, first, code):
    signals = StopSignals()
    signals.count, signals.first = int(bool(first)), int(first)
    records = [make_job(tmp_path, f"run{n}").record(Status(status), "") for n, status in enumerate(statuses)]
    assert exit_code(records, signals) == code
