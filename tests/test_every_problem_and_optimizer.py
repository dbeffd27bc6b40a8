"""Every problem trains under two optimizers at its defaults: two epochs, and the loss is lower than at the start."""

from __future__ import annotations

import pytest
from conftest import needs_fashion_mnist, options

PAIRS = [
    pytest.param(problem, optimizer, marks=[needs_fashion_mnist] if problem.startswith("fashion") else [])
    for problem in options("problem")
    for optimizer in ("sgd", "adam")  # all, on one problem: test_every_optimizer
]


@pytest.mark.parametrize(("problem", "optimizer"), PAIRS)
def test_two_epochs(problem, optimizer, train):
    run = train(f"problem={problem}", f"optimizer={optimizer}", "budget.epochs=2", "data.limit=1000", "log_every=1")
    assert run.record.status == "completed"
    losses = run.column("train/loss")
    epoch = len(losses) // 2
    assert sum(losses[epoch:]) / epoch < losses[0]  # the mean over the second epoch against the very first batch
    assert run.column("valid/loss")[-1] < run.column("valid/loss")[0]
