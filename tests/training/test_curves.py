"""Rows of the curves, from events; without an engine."""

from __future__ import annotations

import pytest

from descentlab.budget import Plan
from descentlab.training.clock import Clock
from descentlab.training.curves import Curves
from descentlab.training.events import Logged, StepsDone, Validated


class Memory:
    """A sink that keeps its rows."""

    def __init__(self):
        self.rows, self.layers, self.beats = [], [], 0

    def write(self, rows):
        self.rows += rows

    def alive(self):
        self.beats += 1

    def write_layers(self, rows):
        self.layers += rows

    def positions(self):
        return {"written": len(self.rows)}


def made(every=2, total=10):
    sink = Memory()
    plan = Plan(rows=40, batch_size=10, total=total, validate_every=4)
    return Curves(plan, Clock(), sink, every), sink


def steps(first, *losses):
    measured = {step: {"lr": 0.1, "grad_norm": 1.0} for step in range(first, first + len(losses))}
    return StepsDone(first, losses, [2 * (first + done) for done in range(len(losses))], measured)


def validated(step, **more):
    return Validated(step, 2 * step, {"loss": 0.5, "auc": float("nan")}, {"auc": "one class"}, **more)


def test_a_training_row_has_the_mean_loss_since_the_last_one():
    curves, sink = made()
    curves.steps_done(steps(0, 4.0, 2.0, 6.0))
    curves.steps_done(steps(3, 1.0, 3.0))
    assert [(row["step"], row["train/loss"]) for row in sink.rows] == [(0, 4.0), (2, 4.0), (4, 2.0)]
    assert [row["gradient_evaluations"] for row in sink.rows] == [0, 4, 8]
    assert [(row["examples"], row["epoch"]) for row in sink.rows] == [(0, 0.0), (20, 0.5), (40, 1.0)]
    assert sink.rows[0]["train/lr"] == 0.1
    assert list(sink.rows[0])[-2:] == ["train/lr", "train/grad_norm"]


def test_a_chunk_without_a_row_updates_the_heartbeat():
    curves, sink = made(every=100)
    curves.steps_done(steps(0, 1.0))
    curves.steps_done(steps(1, 1.0))
    curves.batch_evaluated()
    assert (len(sink.rows), sink.beats) == (1, 2)


def test_a_validation_row_has_null_for_undefined_values():
    curves, sink = made()
    curves.validated(validated(0, before_training=True))
    curves.validated(validated(4, batches="abc"))
    assert [(row["valid/loss"], row["valid/auc"], row.get("batches")) for row in sink.rows] == [
        (0.5, None, None),
        (0.5, None, "abc"),
    ]


@pytest.mark.parametrize(("step", "stopping", "rest"), [(4, False, False), (4, True, True), (10, False, True)])
def test_losses_since_the_last_row_are_written_at_the_end_of_the_run(step, stopping, rest):
    curves, sink = made(every=100)
    curves.steps_done(steps(step - 2, 1.0, 3.0))
    curves.validated(validated(step, stopping=stopping))
    assert [row["step"] for row in sink.rows] == ([step - 1, step] if rest else [step])
    if rest:
        assert sink.rows[0]["train/loss"] == 2.0


def test_values_logged_by_callbacks_are_rows_in_the_order_of_steps():
    curves, sink = made()
    curves.logged(Logged(3, 6, {"lr-Adam": 0.1, "epoch": 9.0}))
    curves.validated(validated(4))
    curves.logged(Logged(3, 8, {"mine": 1.0}))
    assert [(row["step"], row.get("lr-Adam"), row.get("mine")) for row in sink.rows] == [
        (3, 0.1, None),
        (4, None, None),
        (4, None, 1.0),
    ]
    assert sink.rows[0]["epoch"] == 0.75  # the epoch of the run, not the logged one


def test_steps_never_decrease_after_values_of_callbacks():
    curves, sink = made(every=10, total=10)
    curves.steps_done(steps(9, 2.0))
    curves.logged(Logged(10, 10, {"mine": 1.0}))
    curves.validated(validated(10))
    at = [row["step"] for row in sink.rows]
    assert at == sorted(at)
    assert [row["train/loss"] for row in sink.rows if "train/loss" in row] == [2.0]


def test_a_restored_mean_includes_the_losses_before_the_checkpoint():
    first, _ = made(every=4)
    first.steps_done(steps(0, 1.0, 2.0))
    second, sink = made(every=4)
    second.load_state_dict(first.state_dict())
    second.steps_done(steps(2, 3.0, 4.0, 5.0))
    assert [(row["step"], row["train/loss"]) for row in sink.rows] == [(4, 3.5)]
