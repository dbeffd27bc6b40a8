"""Decisions and summary of Outcome, from events; without an engine."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from descentlab.budget import Plan
from descentlab.store.record import Status
from descentlab.training.clock import Clock
from descentlab.training.events import CONTINUE, STOP, Ended, StepsDone, Validated, cut_after
from descentlab.training.outcome import Outcome
from descentlab.training.stopping import Goal, Stop

INF, NAN = float("inf"), float("nan")


def made(total=100, target=None, mode="min", seconds=None, **stop):
    plan = Plan(rows=100, batch_size=10, total=total, validate_every=10, seconds=seconds)
    copies = itertools.count()
    return Outcome(plan, Clock(), Stop(**stop), Goal("error", mode, target), lambda: {"w": torch.tensor(next(copies))})


def steps(first, *losses):
    return StepsDone(first, losses, [2 * (first + done) for done in range(len(losses))], {})


def validated(step, error, loss=1.0, **more):
    undefined = {"error": "one class"} if math.isnan(error) else {}
    return Validated(step, 2 * step, {"loss": loss, "error": error}, undefined, **more)


def test_training_stops_at_the_end_of_the_budget():
    outcome = made(total=4)
    assert outcome.steps_done(steps(0, 3.0, 2.0)) == CONTINUE
    assert outcome.steps_done(steps(2, 2.0, 1.0)) == STOP
    assert (outcome.summary["first_train_loss"], outcome.summary["last_train_loss"]) == (3.0, 1.0)


def test_training_stops_when_the_seconds_are_spent():
    outcome = made(total=None, seconds=5.0)
    outcome.clock.resume_from(5.0)
    assert outcome.steps_done(steps(0, 1.0)) == STOP


@pytest.mark.parametrize("bad", [INF, NAN, 301.0])
def test_a_diverged_chunk_is_cut_after_the_step_whose_loss_diverged(bad):
    outcome = made(divergence=100.0)
    outcome.validated(validated(0, 1.0, loss=3.0, before_training=True))
    decision = outcome.steps_done(steps(5, 1.0, bad, 2.0))
    assert decision == cut_after(6)
    assert outcome.reason == f"the training loss was {bad:.3g} at step 6"
    assert outcome.status is Status.DIVERGED
    outcome.ended(Ended(8, 16))
    assert (outcome.summary["steps"], outcome.summary["gradient_evaluations"]) == (6, 12)


def test_a_validation_loss_that_diverged_stops_the_run_and_does_not_count_as_best():
    outcome = made()
    assert outcome.validated(validated(10, 0.1, loss=INF)).stop
    assert (outcome.status, outcome.summary["best_step"]) == (Status.DIVERGED, None)


def test_the_best_weights_are_those_of_the_best_validation():
    outcome = made()
    for step, error in ((10, 3.0), (20, 1.0), (30, 2.0)):
        assert outcome.validated(validated(step, error)) == CONTINUE
    assert (outcome.summary["best_step"], outcome.summary["best_valid"]) == (20, 1.0)
    assert int(outcome.best_weights["w"]) == 1


def test_patience_counts_validations_without_improvement_and_skips_undefined_ones():
    outcome = made(patience=2)
    decisions = [outcome.validated(validated(step, error)).stop for step, error in enumerate((2.0, 3.0, NAN, 1.0, 1.0, 1.0))]
    assert decisions == [False, False, False, False, False, True]
    assert outcome.reason == "no improvement in 2 validations"


@pytest.mark.parametrize(("mode", "errors", "reached"), [("min", (3.0, 2.0, 1.0), 1), ("max", (1.0, 2.0, 3.0), 1)])
def test_the_target_is_recorded_once_and_stops_the_run_if_asked(mode, errors, reached):
    outcome = made(target=2.0, mode=mode, at_target=True)
    stops = [outcome.validated(validated(10 * index, error)).stop for index, error in enumerate(errors)]
    assert stops.index(True) == reached
    assert outcome.summary["steps_to_target"] == 10 * reached
    assert outcome.summary["gradient_evaluations_to_target"] == 20 * reached
    assert outcome.reason == "reached the target 2"


def test_a_metric_that_is_always_undefined_keeps_the_last_weights_and_gives_the_reason():
    outcome = made()
    for step in (10, 20):
        outcome.validated(validated(step, NAN))
    outcome.ended(Ended(20, 40))
    assert int(outcome.best_weights["w"]) == 1
    assert outcome.summary["undefined"]["best_valid"].startswith("error was undefined at every validation: one class")


def test_results_after_training_are_merged_with_their_reasons():
    outcome = made()
    outcome.add({"test": {"auc": None}, "undefined": {"test/auc": "one class"}})
    outcome.add({"gap": 0.1})
    assert (outcome.summary["undefined"], outcome.summary["gap"]) == ({"test/auc": "one class"}, 0.1)


def test_a_restored_outcome_makes_the_same_decisions():
    first, second = made(patience=2), made(patience=2)
    for step, error in ((0, 2.0), (10, 3.0)):
        first.validated(validated(step, error))
    second.load_state_dict(first.state_dict())
    assert second.validated(validated(20, 4.0)).stop
