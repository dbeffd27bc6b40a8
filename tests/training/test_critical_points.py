"""Critical points of logistic regression, which has a single one."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from descentlab.errors import UsageError
from descentlab.store.record import ANALYSES, SNAPSHOTS
from descentlab.training.critical_points import critical_points
from descentlab.training.finished import load_finished

KEPT = ("optimizer=sgd", "budget.epochs=null", "budget.steps=10", "validate_every=10")
DECAY = 0.1


def solution(inputs, classes) -> float:
    """Return the loss at the minimum of the mean cross-entropy + DECAY / 2 |w|^2, biases included, as scikit-learn finds it."""
    rows = np.column_stack([inputs.reshape(len(inputs), -1), np.ones(len(inputs))])
    model = LogisticRegression(C=1 / (DECAY * len(rows)), fit_intercept=False, tol=1e-10, max_iter=10_000)
    chances = model.fit(rows, classes.ravel()).predict_proba(rows)
    return float(-np.log(chances[np.arange(len(rows)), classes.astype(int).ravel()]).mean())


def test_the_minimum_of_logistic_regression_is_found_from_each_snapshot_or_refused(train):
    trained = train("problem=breast_cancer_logistic", "task.positive_weight=1", *KEPT, "checkpoint.snapshots=10")
    run = load_finished(trained.folder)
    found = critical_points(run, DECAY)
    inputs, classes = (part.numpy() for part in run.data.splits.train)
    assert [each["step"] for each in found] == [0, 10]
    for each in found:
        assert each["is_critical"]
        assert each["gradient_norm"] <= 1e-8
        assert each["index"] == 0
        assert each["loss"] == pytest.approx(solution(inputs, classes), rel=1e-4)
        assert 0.8 < each["accuracy"] <= 1
    assert json.loads((trained.folder / ANALYSES / "critical_points.json").read_text())["points"] == found
    refused(trained.folder)


def refused(folder) -> None:
    """Check that a model with too many weights, and a run without snapshots, are refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("descentlab.training.critical_points.MAX_WEIGHTS", 30)
        with pytest.raises(UsageError, match="31 weights: the Hessian is computed for up to 30"):
            critical_points(load_finished(folder))
    shutil.rmtree(folder / SNAPSHOTS)
    with pytest.raises(UsageError, match=r"checkpoint\.snapshots"):
        critical_points(load_finished(folder))
