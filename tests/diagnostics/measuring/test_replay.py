"""Runs whose loss stops being finite report the step, the layer and the tensor; repeated steps are the same steps."""

from __future__ import annotations

import pytest
import torch
from support.planted_network import PLANTED

from descentlab.diagnostics.measuring import replay
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.diagnostics.measuring.replay import Replay, restore, take, training

SHORT = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=30", "validate_every=25", "data.limit=200", "log_every=1")
EXPLICIT = ("optimizer=scratch/gradient_descent", "engine=explicit")


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=adam",),
        ("optimizer=adamw", "average.kind=ema", "clip.norm=1", "schedule=cosine"),
        ("optimizer=muon",),
        ("batch_size=20", "microbatch=7"),
        ("trainer.precision=bf16-mixed",),
        ("trainer.precision=16-mixed",),
        pytest.param(("compile=step",), marks=pytest.mark.slow),
        pytest.param(("compile=true",), marks=pytest.mark.slow),
        EXPLICIT,
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("at", [0, 23])
def test_a_planted_nan_is_found_at_its_step_and_layer(train, words, at):
    calls = at * (3 if "microbatch=7" in words else 1)
    found = train(*SHORT, *PLANTED, *words, f"+model.at={calls}").record
    assert found.status == "diverged"
    assert found.summary["nonfinite"] == {"step": at, "layer": "plant", "tensor": "output"}


@pytest.mark.parametrize("optimizer", ["sam", "lbfgs"])
def test_a_nan_in_a_later_evaluation_of_a_step_is_found_at_that_step(train, optimizer):
    summary = train(*SHORT, *PLANTED, f"optimizer={optimizer}", "+model.at=41").record.summary
    assert summary["nonfinite"]["tensor"].startswith(("output", "update"))
    assert summary["nonfinite"]["step"] <= summary["diverged_step"]


@pytest.mark.parametrize("engine", [("optimizer=sgd",), EXPLICIT], ids=" ".join)
@pytest.mark.parametrize("at", [0, 19, 24])
def test_an_infinite_gradient_is_found_one_step_before_the_loss(train, engine, at):
    summary = train(*SHORT, *PLANTED, *engine, "+model.root=true", f"+model.at={at}").record.summary
    assert summary["diverged_step"] == at + 1
    assert summary["nonfinite"] == {"step": at, "layer": "plant", "tensor": "gradient of x"}


@pytest.mark.parametrize("engine", [("optimizer=sgd",), EXPLICIT], ids=" ".join)
def test_an_update_that_overflows_is_found(train, engine):
    found = train(*SHORT, *engine, "optimizer.lr=1e39").record.summary
    assert found["nonfinite"]["step"] == 0
    assert found["nonfinite"]["layer"] == "blocks.0.layers.0"
    assert found["nonfinite"]["tensor"] == "update of weight"


def test_outputs_that_overflow_are_found_in_the_layer_where_they_do(train):
    summary = train(*SHORT, "optimizer=sgd", "optimizer.lr=1e30", "stop.divergence=null").record.summary
    assert summary["nonfinite"] == {"step": 1, "layer": "blocks.1.layers.0", "tensor": "output"}


def test_a_finite_loss_above_the_bound_has_no_such_tensor(train):
    record = train(*SHORT, "optimizer=sgd", "optimizer.lr=1e3").record
    assert record.status == "diverged"
    assert "nonfinite" not in record.summary


def test_without_probes_or_with_callbacks_the_step_is_known(train):
    words = (*SHORT, *PLANTED, "+model.at=5")
    none = train(*words, "diagnostics=none").record.summary["nonfinite"]
    assert none == {"step": 5, "layer": None, "tensor": "loss", "reason": "the run has no probes"}
    callbacks = train(*words, "callbacks=lr_monitor", "sweep=callbacks").record.summary["nonfinite"]
    assert (callbacks["step"], callbacks["tensor"]) == (5, "loss")
    assert callbacks["reason"].endswith("callbacks")


def equal(one, other) -> bool:
    """Return True if nested values are equal, tensors in every bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=adam", "model.dropout=0.2"),
        ("optimizer=adam", "model.norm=batch", "average.kind=ema", "average.decay=0.9", "data.drop_last=true"),
        ("optimizer=muon", "schedule=cosine", "clip.norm=1"),
        ("optimizer=sam", "batch_size=20", "microbatch=7"),
        ("optimizer=schedulefree_adamw",),
        pytest.param(("optimizer=lbfgs",), marks=pytest.mark.slow),
        ("optimizer=scratch/adam",),
        ("optimizer=adahessian",),
    ],
    ids=" ".join,
)
def test_repeated_steps_are_bit_identical_and_change_nothing(train, monkeypatch, words):
    steps = []

    def begin_and_repeat(self, task):
        if self.last is not None and task.step.count > self.last.step:
            now = take(task)
            with training(task):
                assert replay._repeat(task, self.last, task.step.count - 1) is None
            assert all(map(equal, take(task), now)), words
            restore(task, now)
            assert all(map(equal, take(task), now)), words
            steps.append(task.step.count - self.last.step)
        begin(self, task)

    expected = train(*SHORT, *words)
    begin = Replay.begin
    monkeypatch.setattr(Replay, "begin", begin_and_repeat)
    found = train(*SHORT, *words, "sweep=repeated")
    assert sum(steps) > 5
    assert found.curves.drop("train_seconds").equals(expected.curves.drop("train_seconds"))


def test_the_state_is_not_copied_again_before_its_cost_is_small(train, monkeypatch):
    taken = []
    original = replay.take
    monkeypatch.setattr(replay, "take", lambda task: taken.append(task.step.count) or original(task))
    monkeypatch.setattr(replay, "SHARE", 1e-9)
    train(*SHORT)
    assert taken == [0]
    assert Probes([]).replay is None
