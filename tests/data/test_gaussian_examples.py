"""A few normally distributed examples, and their targets."""

import pytest
import torch

from descentlab.data.gaussian_examples import GaussianExamples


def drawn(targets, rows=(8, 8, 8), seed=0):
    splits = GaussianExamples(list(rows), targets, seed, num_features=16).splits
    return splits.train, splits.valid, splits.test


@pytest.mark.parametrize("targets", ["linear", "gaussian", "signs"])
def test_shapes_and_inputs(targets):
    for x, y in drawn(targets):
        assert (x.shape, y.shape) == ((8, 16), (8, 1))
    many = drawn(targets, rows=(20_000, 1, 1))[0]
    assert float(many[0].std()) == pytest.approx(1, rel=0.01)
    assert float(many[1].std()) == pytest.approx(1, rel=0.03)
    assert float(many[1].mean()) == pytest.approx(0, abs=0.03)


def test_linear_targets_are_one_function_with_unit_weights_in_all_splits():
    (x, y), (valid_x, valid_y), _ = drawn("linear", rows=(40, 40, 1))
    weights = torch.linalg.lstsq(x, y).solution
    assert float(weights.norm()) == pytest.approx(1, rel=1e-4)
    assert torch.allclose(valid_x @ weights, valid_y, atol=1e-5)


def test_other_targets_do_not_depend_on_the_inputs():
    x, signs = drawn("signs", rows=(20_000, 1, 1))[0]
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    gaussian = drawn("gaussian", rows=(20_000, 1, 1))[0][1]
    for targets in (signs, gaussian):
        assert float((x * targets).mean(0).abs().max()) < 0.03
    assert float(gaussian.pow(4).mean()) == pytest.approx(3, rel=0.1)


def test_draws_depend_on_split_seed():
    assert not torch.equal(drawn("gaussian", seed=0)[0][0], drawn("gaussian", seed=1)[0][0])
