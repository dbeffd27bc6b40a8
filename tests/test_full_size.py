"""Accuracy of two Fashion-MNIST problems on the full data, with budgets shorter than those of their headers."""

from __future__ import annotations

import pytest
from conftest import needs_fashion_mnist

pytestmark = [pytest.mark.slow, needs_fashion_mnist]


def test_softmax_regression_reaches_083_in_5_epochs(train):
    run = train("problem=fashion_mnist_softmax", "optimizer=adam", "budget.epochs=5")
    assert run.record.summary["test"]["accuracy"] >= 0.83


def test_2c2d_reaches_084_on_validation_in_2_epochs(train):
    run = train("problem=fashion_mnist_2c2d", "optimizer=adam", "optimizer.lr=2.5e-4", "budget.epochs=2")
    assert run.record.summary["best_valid"] >= 0.84
