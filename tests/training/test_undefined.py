"""Runs whose monitored metric is undefined or infinite at some or all validations."""

from __future__ import annotations

import math

import pytest
import torch
from torchmetrics import Metric

from descentlab.tasks.classification import Classification

STEPS = ("problem=digits_mlp", "task._target_=training.test_undefined.Scripted", "task.monitor=scripted", "budget.epochs=null")
STEPS += ("budget.steps=40", "validate_every=5", "log_every=1", "target=null")  # validated at 0, 5, ..., 40


class Script(Metric):
    """Computes the next of `values` at each validation, and the last one at all further ones."""

    undefined = "the {split} split has no script"

    def __init__(self, values):
        super().__init__()
        self.values = [float(value) for value in values]

    def update(self, *_):
        pass

    def compute(self):
        return torch.tensor(self.values.pop(0) if len(self.values) > 1 else self.values[0])


class Scripted(Classification):
    def __init__(self, values, **task):
        self.values = values
        super().__init__(**task)

    def make_metrics(self):
        return {**super().make_metrics(), "scripted": Script(self.values)}


def trained(train, values, *words, mode="min"):
    return train(*STEPS, f"+task.values=[{','.join(map(str, values))}]", f"task.mode={mode}", *words)


def test_the_best_validation_is_chosen_among_the_defined_ones(train):
    run = trained(train, ["nan", "nan", 3, "nan", 1, 2, "nan"])
    summary = run.record.summary
    assert (summary["best_step"], summary["best_valid"], summary["valid"]["scripted"]) == (20, 1.0, 1.0)
    assert "best_valid" not in summary["undefined"]
    assert "valid/scripted" not in summary["undefined"]  # at the best step
    assert run.column("valid/scripted") == [3, 1, 2]
    steps = run.curves.filter(run.curves["valid/loss"].is_not_null())["valid/scripted"].to_list()
    assert steps == [None, None, 3, None, 1, 2, None, None, None]
    until_then = train("problem=digits_mlp", "budget.epochs=null", "budget.steps=20", "validate_every=5", "log_every=1")
    assert summary["valid"]["loss"] == pytest.approx(until_then.column("valid/loss")[-1])


@pytest.mark.parametrize(("value", "mode"), [("nan", "min"), ("nan", "max"), ("inf", "min"), ("-inf", "max")])
def test_a_metric_that_is_never_finite_leaves_the_last_weights(train, value, mode):
    run = trained(train, [value], mode=mode)
    summary = run.record.summary
    assert (summary["best_step"], summary["best_valid"]) == (None, None)
    assert summary["valid"]["loss"] == run.column("valid/loss")[-1] < run.column("valid/loss")[0]
    assert summary["undefined"]["best_valid"].startswith("scripted was undefined at every validation: the validation split")
    assert summary["test"]["accuracy"] > 0.5


def test_an_infinite_best_metric_is_recorded_as_null_with_its_step(train):
    summary = trained(train, [1, 2, "inf", 3], mode="max").record.summary
    assert (summary["best_step"], summary["best_valid"]) == (10, None)
    assert summary["undefined"]["best_valid"] == "the validation split has no script"


def test_patience_counts_defined_validations_only(train):
    assert trained(train, [2, *["nan"] * 5, 1, 3, 3], "stop.patience=2").record.summary["steps"] == 40
    assert trained(train, [2, "nan", 3, "nan", 3, 1], "stop.patience=2").record.summary["steps"] == 20


def test_a_plateau_schedule_ignores_undefined_validations(train):
    words = ("schedule=reduce_on_plateau", "schedule.patience=0")
    lr = trained(train, [9, 2, *["nan"] * 5, 1, 0], *words).column("train/lr")
    assert set(lr) == {lr[0]}
    assert len(set(trained(train, [9, 2, 3, 3], *words).column("train/lr"))) > 1


def test_an_undefined_metric_does_not_reach_the_target(train):
    summary = trained(train, ["nan", "nan", "nan", 0.5], "target=1.0").record.summary
    assert summary["steps_to_target"] == 15
    assert trained(train, ["nan"], "target=1.0").record.summary["steps_to_target"] is None


def test_a_first_validation_loss_that_is_not_finite_sets_no_divergence_bound(train):
    """The first validation loss is the reference of stop.divergence, unless it is not finite."""
    run = train("problem=digits_mlp", "data._target_=support.lopsided.OneHugePixel", "budget.epochs=null", "budget.steps=2")
    assert not math.isfinite(run.column("valid/loss")[0])
    assert run.record.reason == "the validation loss was nan at step 2"
