"""Linear losses in a fixed order, with projection: the point follows the formula of projected gradient descent."""

from __future__ import annotations

import pytest
import torch

from descentlab.budget import Plan
from descentlab.data.loading.loader import TrainLoader
from descentlab.data.online_linear import OnlineLinear


def test_the_mean_loss_is_smallest_at_the_lower_bound():
    (coefficients,) = OnlineLinear(num_features=1).splits.train
    assert coefficients.shape == (101, 1)
    assert float(coefficients.mean()) == pytest.approx(10 / 101)


def test_steps_take_the_coefficients_in_order_and_project_the_point(train):
    words = ("problem=online_linear", "optimizer=sgd", "optimizer.lr=0.01", "budget.steps=210", "log_every=1")
    run = train(*words, "validate_every=null")
    point, expected = 0.0, []
    for step in range(210):
        point = min(1.0, max(-1.0, point - 0.01 * (1010.0 if step % 101 == 0 else -10.0)))
        expected.append(point)
    assert run.column("train/x") == pytest.approx(expected, abs=1e-5)
    assert min(expected) == -1.0
    assert max(expected) == 1.0
    assert run.record.summary["test"]["distance"] < 2


@pytest.mark.parametrize("shuffle", [True, False])
def test_without_shuffling_each_epoch_has_the_order_of_the_data(shuffle):
    loader = TrainLoader((torch.arange(10.0),), Plan(10, 4, 6, 3), 3)
    loader.shuffle = shuffle
    rows = torch.cat([loader.indices(step) for step in range(6)]).tolist()
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert (rows == [*range(10), *range(10)]) == (not shuffle)
