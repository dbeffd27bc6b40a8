"""What the problems' headers promise, on the full data."""

from __future__ import annotations

import pytest
from conftest import needs_fashion_mnist

pytestmark = [pytest.mark.slow, needs_fashion_mnist]


def test_fashion_mnist_softmax(train):
    run = train("problem=fashion_mnist_softmax", "optimizer=adam", "budget.epochs=5")
    assert run.record.summary["test"]["accuracy"] >= 0.83


def test_fashion_mnist_2c2d(train):
    run = train("problem=fashion_mnist_2c2d", "optimizer=adam", "optimizer.lr=2.5e-4", "budget.epochs=2")
    assert run.record.summary["best_valid"] >= 0.84
