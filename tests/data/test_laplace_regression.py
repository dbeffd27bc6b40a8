"""Linear regression with Laplace noise: spectrum, weights and noise."""

import numpy as np
import pytest
import torch

from descentlab.data.laplace_regression import LaplaceRegression


def drawn(rows=(20_000, 100, 100), noise=0.1, **more):
    return LaplaceRegression(list(rows), noise, num_features=20, **more).splits


@pytest.mark.parametrize(("spectrum", "source"), [(1.0, 1.0), (0.0, 2.0)])
def test_variances_and_weights_are_power_laws(spectrum, source):
    splits = drawn(spectrum=spectrum, source=source)
    position = np.arange(1, 21.0)
    variances = position**-spectrum / (position**-spectrum).sum()
    np.testing.assert_allclose(splits.train[0].double().var(0), variances, rtol=0.06)
    x, y = (part.double() for part in splits.valid)
    weights = torch.linalg.lstsq(x, y).solution[:, 0].numpy()  # valid has no noise
    np.testing.assert_allclose(weights**2, position**-source / (position**-source).sum(), rtol=1e-3)
    assert 4 <= (weights > 0).sum() <= 16


def test_training_targets_have_laplace_noise():
    splits = drawn(rows=(40_000, 100, 1), noise=0.3)
    weights = torch.linalg.lstsq(*(part.double() for part in splits.valid)).solution
    noise = (splits.train[1] - splits.train[0].double() @ weights).flatten()
    assert float(noise.abs().mean()) == pytest.approx(0.3, rel=0.02)  # the scale
    assert float(noise.square().mean()) == pytest.approx(2 * 0.3**2, rel=0.05)
    assert float((noise.abs() > 0.6).double().mean()) == pytest.approx(np.exp(-2), rel=0.05)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)


def test_draws_depend_on_split_seed():
    digests = [drawn(rows=(10, 10, 10), split_seed=seed).digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
