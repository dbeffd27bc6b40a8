"""The noisy quadratic, compared with a second implementation of its definition."""

import numpy as np
import pytest
import torch

from descentlab.data.gaussian import Gaussian
from descentlab.models.quadratic import Quadratic, hessian, random_rotation


def second_implementation(dimensions):
    """Return the eigenvalues and the rotation of Q, computed from its definition."""
    draw = np.random.RandomState(42)
    flat = 9 * dimensions // 10
    eigenvalues = [draw.uniform(0.0, 1.0) for _ in range(flat)]
    eigenvalues += [draw.uniform(30.0, 60.0) for _ in range(dimensions - flat)]
    a = 2 * np.pi * draw.uniform()
    rotation = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    for d in range(2, dimensions):
        v = draw.normal(size=d + 1)
        v = v / np.sqrt(np.sum(v**2))
        e1 = np.zeros(d + 1)
        e1[0] = 1
        x = (e1 - v) / np.sqrt(np.sum((e1 - v) ** 2))
        embedded = np.block([[np.ones((1, 1)), np.zeros((1, d))], [np.zeros((d, 1)), rotation]])
        rotation = (np.eye(d + 1) - 2 * x[:, None] * x[None, :]) @ embedded
    return np.array(eigenvalues), -rotation


@pytest.mark.parametrize("dimensions", [2, 10, 100])
def test_q_equals_the_second_implementation(dimensions):
    eigenvalues, rotation = second_implementation(dimensions)
    expected = sum(value * np.outer(row, row) for value, row in zip(eigenvalues, rotation, strict=True))
    np.testing.assert_allclose(hessian(dimensions), expected, atol=1e-10)


def test_q_has_90_small_and_10_large_eigenvalues():
    q = hessian(100)
    np.testing.assert_allclose(q, q.T, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(q)
    assert ((eigenvalues > 0) & (eigenvalues < 1)).sum() == 90
    assert ((eigenvalues > 30) & (eigenvalues < 60)).sum() == 10


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5, 100])
def test_rotation_is_orthogonal(dimensions):
    """Each of the n - 2 reflections changes the determinant's sign, and the last line negates n rows: (-1)^(2n - 2) = 1."""
    rotation = random_rotation(dimensions, np.random.RandomState(7))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dimensions), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_rotations_depend_on_the_stream():
    stream = np.random.RandomState(7)
    assert not np.allclose(random_rotation(5, stream), random_rotation(5, stream))


def test_t_is_initially_ones_and_the_only_parameter():
    model = Quadratic()
    assert {name: parameter.tolist() for name, parameter in model.named_parameters()} == {"t": [1.0] * 100}


def test_loss_equals_the_formula():
    model, [points] = Quadratic(), Gaussian(points=1000, deviation=0.6, num_features=100).splits.train
    x = points[:50]
    expected = [0.5 * (1 - row) @ hessian(100) @ (1 - row) for row in x.numpy().astype(np.float64)]
    np.testing.assert_allclose(model(x).detach().numpy(), expected, rtol=1e-5)
    assert model(x).shape == (50,)


def test_gradient_is_q_times_the_mean_offset():
    model, x = Quadratic(), torch.randn(50, 100)
    model(x).mean().backward()
    expected = hessian(100) @ (1 - x.mean(0).numpy())
    np.testing.assert_allclose(model.t.grad.numpy(), expected, rtol=1e-3, atol=1e-4)


def test_q_does_not_depend_on_the_seed():
    torch.manual_seed(1)
    first = Quadratic().q
    torch.manual_seed(2)
    assert torch.equal(Quadratic().q, first)
