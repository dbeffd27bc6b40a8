"""Observers receive plain events in a fixed order, each amended by the decisions of those before it."""

from __future__ import annotations

import dataclasses

import pytest

from descentlab.training.events import CONTINUE, STOP, Boundary, Ended, StepsDone, Validated, cut_after
from descentlab.training.observers import Observer, Observers

STEPS = StepsDone(first=10, losses=[1.0, 2.0, 3.0], evaluations=[10, 11, 12], measured={10: {"lr": 0.1}})
VALIDATED = Validated(step=13, evaluations=13, metrics={"loss": 1.0}, undefined={})


class Recorder(Observer):
    """Records the events that it receives, and returns one decision for all."""

    def __init__(self, decision=CONTINUE, step=None):
        self.decision, self.step, self.events = decision, step, []

    def locate(self):
        return self.step

    def restore(self):
        return self.decision

    def steps_done(self, event):
        self.events.append(event)
        return self.decision

    def validated(self, event):
        self.events.append(event)
        return self.decision

    def boundary(self, event):
        self.events.append(event)

    def ended(self, event):
        self.events.append(event)


def test_events_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        STEPS.first = 0  # pyright: ignore[reportAttributeAccessIssue]


def test_a_chunk_counts_the_steps_up_to_its_end():
    assert STEPS.count == 13
    assert STEPS.until(11).count == 12


def test_observers_after_a_cut_receive_the_steps_that_remain():
    before, cutting, after = Recorder(), Recorder(cut_after(11)), Recorder()
    observers = Observers(before, cutting, after)
    assert observers.steps_done(STEPS) == cut_after(11)
    assert observers.stopping
    assert before.events == cutting.events == [STEPS]
    assert (after.events[0].losses, after.events[0].evaluations) == ([1.0, 2.0], [10, 11])


def test_observers_after_a_decision_to_stop_receive_the_last_validation():
    before, stopping, after = Recorder(), Recorder(STOP), Recorder()
    Observers(before, stopping, after).validated(VALIDATED)
    assert [recorder.events[0].stopping for recorder in (before, stopping, after)] == [False, False, True]


def test_without_a_decision_to_stop_training_continues():
    observers = Observers(Recorder(), Recorder())
    assert observers.steps_done(STEPS) == observers.validated(VALIDATED) == CONTINUE
    assert not observers.stopping


def test_every_observer_decides_even_after_a_decision_to_stop():
    first, second = Recorder(STOP), Recorder(STOP)
    Observers(first, second).steps_done(STEPS)
    assert len(first.events) == len(second.events) == 1


def test_boundaries_and_the_end_reach_all_observers():
    recorders = [Recorder(), Recorder()]
    observers = Observers(*recorders)
    observers.boundary(Boundary(3))
    observers.ended(Ended(4, 8))
    assert all(recorder.events == [Boundary(3), Ended(4, 8)] for recorder in recorders)


def test_a_run_resumes_at_the_step_that_an_observer_locates():
    assert Observers(Recorder(), Recorder(step=0), Recorder(step=7)).locate() == 0
    assert Observers(Recorder()).locate() is None


def test_a_restored_finished_run_takes_no_step():
    observers = Observers(Recorder(STOP))
    observers.restore()
    assert observers.stopping
