"""The samples of the noisy quadratic."""

import numpy as np
import pytest

from descentlab.data.gaussian import Gaussian


@pytest.fixture(scope="module")
def splits():
    return Gaussian(points=1000, deviation=0.6, num_features=100, drop_last=True).splits


@pytest.mark.parametrize(("split", "seed"), [("train", 42), ("test", 43), ("valid", 44)])
def test_each_split_is_drawn_from_its_own_stream(splits, split, seed):
    [points] = getattr(splits, split)
    expected = 0.6 * np.random.RandomState(seed).randn(1000, 100)
    np.testing.assert_allclose(points.numpy(), expected, rtol=1e-6)


def test_no_targets(splits):
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [1, 1, 1]


def test_last_partial_batch_is_dropped_if_configured():
    assert Gaussian(points=10, deviation=0.6, num_features=3, drop_last=True).drop_last
    assert not Gaussian(points=10, deviation=0.6, num_features=3).drop_last


def test_run_takes_seven_steps_of_128_an_epoch(train):
    run = train("problem=quadratic_deep", "optimizer=sgd", "budget.epochs=2", "validate_every=7")
    assert run.record.summary["steps"] == 14
    assert run.record.summary["examples"] == 14 * 128
