"""Results at chance level, or no better than before training."""

from __future__ import annotations

import pytest

from descentlab.report.sceptic.chance_level import chance_level

AXES = ("step", "examples", "epoch", "gradient_evaluations", "train_seconds")


def classification(classes):
    return {"task": {"monitor": "accuracy", "mode": "max", "num_classes": classes}}


def regression(before, after):
    """Return the arguments of a run whose validation loss changes from `before` to `after`."""
    task = {"monitor": "loss", "mode": "min"}
    curves = [dict.fromkeys(AXES, step) | {"valid/loss": loss} for step, loss in ((0, before), (10, after))]
    return {"config": {"task": task}, "curves": curves, "summary": {**task, "best_valid": min(before, after)}}


def test_an_accuracy_of_one_in_ten_classes_is_chance(make_run, flags):
    make_run(config=classification(10), summary={"best_valid": 0.12})
    (flag,) = flags("chance_level")
    assert flag.message == "adam is at chance level: its validation accuracy is 0.12, and guessing gives 0.1."


def test_an_accuracy_above_chance_is_not_flagged(make_run, flags):
    make_run(config=classification(10), summary={"best_valid": 0.4})
    assert flags("chance_level") == []


def test_the_same_accuracy_is_chance_with_two_classes(make_run, flags):
    make_run(config=classification(2), summary={"best_valid": 0.5})
    assert len(flags("chance_level")) == 1


def test_a_loss_that_training_did_not_lower_is_flagged(make_run, flags):
    make_run(**regression(2.0, 3.0))
    assert flags("chance_level")[0].message == (
        "adam: the best validation loss is no better than before training, so nothing was learned."
    )


def test_a_loss_that_training_lowered_is_not_flagged(make_run, flags):
    make_run(**regression(3.0, 2.0))
    assert flags("chance_level") == []


@pytest.mark.parametrize(("metric", "expected"), [("auroc", 0.5), ("r2", 0.0), ("ndcg_at_10", None), ("accuracy", None)])
def test_chance_is_known_for_some_metrics(make_run, metric, expected):
    assert chance_level(make_run(), metric) == expected
