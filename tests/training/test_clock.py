"""The clock measures training time only."""

from __future__ import annotations

import pytest

from descentlab.training import clock as clocks
from descentlab.training.clock import Clock
from descentlab.training.events import Ended


class Time:
    """Replaces `time` in the clock's module; tests set `now`, in seconds."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    monkeypatch.setattr(clocks, "time", made := Time())
    return made


def test_training_counts_and_validation_does_not(time):
    clock = Clock()
    time.now = 5.0
    assert clock.seconds == 0
    clock.training()
    time.now = 7.0
    clock.evaluating()
    time.now = 100.0
    assert clock.seconds == 2
    clock.training()
    time.now = 103.0
    assert clock.seconds == 5
    clock.ended(Ended(1, 1))
    time.now = 200.0
    assert clock.seconds == 5


def test_a_pause_does_not_count(time):
    clock = Clock()
    clock.training()
    time.now = 1.0
    with clock.paused(), clock.paused():
        time.now = 50.0
    time.now = 51.0
    assert clock.seconds == 2


def test_a_pause_does_not_start_a_stopped_clock(time):
    clock = Clock()
    with clock.paused():
        time.now = 1.0
    time.now = 2.0
    assert clock.seconds == 0


def test_the_clock_continues_after_an_error_in_a_pause(time):
    clock = Clock()
    clock.training()
    with pytest.raises(OSError, match="full"), clock.paused():
        raise OSError("full")
    time.now = 1.0
    assert clock.seconds == 1


def test_a_resumed_clock_continues_from_the_saved_seconds(time):
    clock = Clock()
    clock.resume_from(40.0)
    clock.training()
    time.now = 2.0
    assert clock.seconds == 42
