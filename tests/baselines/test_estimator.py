"""Estimators of scikit-learn as baselines, with the splits, loss and metrics of the run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.tree import DecisionTreeRegressor

from descentlab.baselines.estimator import FLOOR, Estimator
from descentlab.data.breast_cancer import BreastCancer
from descentlab.errors import UsageError

STEPS = ("budget.epochs=null", "budget.steps=2")


def reference(train, *words):
    return train(*words, *STEPS).record.summary["baseline"]


def test_forest_has_the_metrics_of_scikit_learn(train):
    splits = BreastCancer(test_fraction=0.2, valid_fraction=0.15).splits
    (x, y), (x_test, y_test) = ([part.numpy() for part in split] for split in (splits.train, splits.test))
    forest = RandomForestClassifier(n_estimators=200, min_samples_leaf=2, random_state=0).fit(x, y)
    p = forest.predict_proba(x_test)[:, 1]
    found = reference(train, "problem=breast_cancer_logistic", "task=binary", "baseline=random_forest")
    assert found["name"] == "random_forest"
    assert found["test"]["auroc"] == pytest.approx(roc_auc_score(y_test, p), abs=1e-6)
    assert found["test"]["loss"] == pytest.approx(log_loss(y_test, p.clip(FLOOR, 1 - FLOOR)), rel=1e-4)


def test_softmax_regression_approaches_converged_logistic_regression(train):
    found = reference(train, "problem=digits_softmax", "baseline=logistic_regression")
    assert found["train_loss"] < 1e-2
    assert found["test"]["accuracy"] > 0.92


def test_regression_tree(train):
    run = train("problem=diabetes_linear", "baseline=decision_tree", *STEPS)
    assert run.record.summary["baseline"]["train_loss"] < 0.6
    assert "gap" not in run.record.summary, "trees are not linear models"


def test_mean_has_an_r2_of_zero(train):
    found = reference(train, "problem=diabetes_linear", "baseline=majority")
    assert found["train_loss"] == pytest.approx(1.0, abs=1e-5)  # of a standardised target
    assert found["valid"]["r2"] <= 0


def test_class_missing_in_train_has_the_lowest_probability():
    made = Estimator(classifier=LogisticRegression())
    x, y = torch.randn(30, 2), torch.tensor([0, 2, 3] * 10)
    out = made.fit((x, y))(x)
    assert out.shape == (30, 4)
    assert float(out[:, 1].max()) == pytest.approx(np.log(FLOOR))
    assert torch.allclose(out.exp().sum(1), torch.ones(30), atol=1e-4)


def test_missing_estimator_is_reported():
    with pytest.raises(UsageError, match="no regressor"):
        Estimator(classifier=LogisticRegression()).fit((torch.randn(5, 2), torch.randn(5, 1)))
    several = Estimator(regressor=DecisionTreeRegressor()).fit((torch.randn(9, 2), torch.randn(9, 3)))
    assert several(torch.randn(4, 2)).shape == (4, 3)
