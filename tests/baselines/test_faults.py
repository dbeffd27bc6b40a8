"""A baseline that fails, or whose loss is 0, does not affect the result of the run."""

from __future__ import annotations

import math

import pytest
import torch

from descentlab.baselines import gap
from descentlab.baselines.estimator import FLOOR, NEVER, Estimator

STEPS = ("budget.epochs=null", "budget.steps=5")


@pytest.mark.parametrize(("words", "error"), [
    ((), "ValueError: it does not fit"),
    (("+baseline.error=MemoryError",), "MemoryError: it does not fit"),
    (("+baseline.late=true",), "ValueError: it does not predict"),
    (("+baseline.nonsense=1",), "nonsense"),
])  # fmt: skip
def test_run_keeps_its_result_and_reports_the_error(train, capsys, words, error):
    given = ("problem=digits_mlp", *STEPS)
    alone = train(*given, "sweep=alone")
    run = train(
        *given,
        "baseline=majority",
        "~baseline.classifier",
        "~baseline.regressor",
        "baseline._target_=support.broken_baseline.Broken",
        *words,
    )
    assert run.record.status == "completed"
    assert run.record.summary["test"] == alone.record.summary["test"]
    assert run.record.summary["baseline"]["name"] == "majority"
    assert error in run.record.summary["baseline"]["error"]
    assert capsys.readouterr().err.count("the baseline majority is left out") == 1


def test_class_missing_in_train_gets_the_lowest_log_probability(train):
    """The last class of digits is in the valid and test splits only."""
    words = (
        "problem=digits_softmax",
        "baseline=logistic_regression",
        "data._target_=support.lopsided.DigitsWithoutNines",
        *STEPS,
    )
    found = train(*words).record.summary["baseline"]
    assert 0.5 < found["test"]["accuracy"] < 0.95
    assert found["test"]["loss"] > -NEVER / 20  # a tenth of the examples, each with the lowest log-probability


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_estimator_of_one_class_predicts_it(only):
    from sklearn.tree import DecisionTreeClassifier

    predict = Estimator(classifier=DecisionTreeClassifier()).fit((torch.randn(5, 2), torch.full((5,), only)))
    assert predict(torch.randn(3, 2)).sigmoid().flatten().tolist() == pytest.approx([abs(only - FLOOR)] * 3, rel=1e-3)


def test_gap_to_a_loss_of_zero_is_undefined():
    assert gap(0.3, 0.2) == (pytest.approx(0.5), "")
    value, reason = gap(0.3, 0.0)
    assert value is None
    assert "baseline is 0, that of the run 0.3" in reason
    assert gap(None, 1.0)[0] is None


def test_optimum_of_zero_makes_the_gap_null(train):
    words = (
        "problem=diabetes_linear",
        "baseline=normal_equation",
        "data._target_=support.lopsided.Progression",
        "+data.zero=true",
    )
    summary = train(*words, *STEPS).record.summary
    assert summary["gap"] is None
    assert summary["undefined"]["gap"].startswith("the training loss of the baseline is 0")
    assert math.isfinite(summary["test"]["rmse"])


def test_undefined_metrics_of_a_baseline_have_a_reason(train):
    words = (
        "problem=breast_cancer_logistic",
        "data._target_=support.lopsided.Tumours",
        "+data.test=0.0",
        "baseline=majority",
        *STEPS,
    )
    summary = train(*words).record.summary
    assert summary["baseline"]["test"]["auroc"] is None
    assert summary["undefined"]["baseline/test/auroc"] == "the test split has no positive example"
    assert 0 <= summary["baseline"]["valid"]["auroc"] <= 1
