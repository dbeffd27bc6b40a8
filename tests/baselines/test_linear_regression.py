"""The exact optimum of linear regression as a baseline: equal to scikit-learn's, and the limit of gradient descent."""

from __future__ import annotations

import pytest
from conftest import compose_config
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error

from descentlab.data.diabetes import Diabetes
from descentlab.launchers.checks.conflicts import conflicts
from descentlab.report.tables import MEASURES

RUN = ("problem=diabetes_linear", "budget.epochs=null")


@pytest.fixture(scope="module")
def splits():
    config, _, _ = compose_config("problem=diabetes_linear")
    return Diabetes(**{key: value for key, value in config["data"].items() if key != "_target_"}).splits


@pytest.mark.parametrize("method", ["normal_equation", "least_squares", "ridge"])
def test_optimum_equals_scikit_learns(train, splits, method):
    (x, y), (x_test, y_test) = ([each.numpy() for each in part] for part in (splits.train, splits.test))
    alpha = len(x) * 0.01 / 2
    model = Ridge(alpha=alpha) if method == "ridge" else LinearRegression()
    model.fit(x, y)
    found = train(*RUN, "budget.steps=5", f"baseline={method}").record.summary["baseline"]
    assert found["name"] == method
    assert found["train_loss"] == pytest.approx(mean_squared_error(y, model.predict(x)), rel=1e-5)
    error = mean_squared_error(y_test, model.predict(x_test)) ** 0.5
    assert found["test"]["rmse"] == pytest.approx(error * splits.target_scale, rel=1e-4)


@pytest.mark.slow
def test_gap_decreases_during_gradient_descent(train):
    gaps = [
        train(
            *RUN,
            "optimizer=momentum",
            "optimizer.lr=0.1",
            "batch_size=full",
            f"budget.steps={steps}",
            "baseline=normal_equation",
        )
        for steps in (10, 50, 1000)
    ]
    first, second, last = (run.record.summary["gap"] for run in gaps)
    assert first > second > last
    assert -1e-5 < last < 1e-3
    shown = next(measure for measure in MEASURES if measure.key == "gap")
    assert shown.get(gaps[0].record) == first


def test_baseline_does_not_affect_training(train):
    plain, compared = train(*RUN, "budget.steps=40"), train(*RUN, "budget.steps=40", "baseline=normal_equation")
    assert compared.curves.drop("train_seconds").equals(plain.curves.drop("train_seconds"))
    assert compared.record.summary["test"] == plain.record.summary["test"]


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
def test_baseline_is_evaluated_in_the_precision_of_the_run(train, precision):
    usual = train(*RUN, "budget.steps=5", "baseline=normal_equation").record.summary["baseline"]
    given = (*RUN, "budget.steps=5", "baseline=normal_equation", f"trainer.precision={precision}", "sweep=other")
    assert train(*given).record.summary["baseline"]["train_loss"] == pytest.approx(usual["train_loss"], rel=1e-5)


def test_linear_regression_is_refused_for_other_tasks():
    config, _, _ = compose_config("problem=digits_mlp", "baseline=normal_equation")
    assert conflicts(config) == ["baseline: LinearRegression is for Regression, not for Classification; leave it out"]
