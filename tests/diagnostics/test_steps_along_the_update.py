"""Alpha and the loss along the update equal closed forms on a quadratic."""

from __future__ import annotations

import math

import pytest
import torch
from support.step_taken import classification_loss, step_context, tiny_network, value_loss, weights_of

from descentlab.diagnostics.alpha import Alpha, fit, position
from descentlab.diagnostics.loss_along_update import LossAlongUpdate
from descentlab.models.quadratic import Quadratic

PRECISIONS = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-8)])


def step_of_gradient_descent(dtype, lr):
    """Return the quadratic, a batch, the gradient, and the weights after a step."""
    torch.manual_seed(0)
    model, batch = Quadratic(10).to(dtype), (torch.randn(30, 10).to(dtype),)
    gradient = model.q @ (model.t.detach() - batch[0].mean(0))
    return model, batch, gradient, {"t": model.t.detach() - lr * gradient}


@PRECISIONS
@pytest.mark.parametrize("lr", [0.001, 0.02, 0.1])
def test_alpha_of_gradient_descent_follows_from_the_curvature_along_the_gradient(dtype, tolerance, lr):
    model, batch, gradient, after = step_of_gradient_descent(dtype, lr)
    found = Alpha().measure(step_context(model, value_loss, [batch], after))
    expected = lr * float(gradient @ model.q @ gradient / gradient.square().sum()) - 1
    assert found["alpha"] == pytest.approx(expected, abs=tolerance)


def test_alpha_of_a_network_lies_between_a_short_and_a_long_step():
    model, batch = tiny_network()
    loss = classification_loss(model, batch)
    gradients = dict(zip(weights_of(model), torch.autograd.grad(loss, list(model.parameters())), strict=True))
    found = []
    for lr in (0.01, 1.0, 100.0):
        after = {name: weight - lr * gradients[name] for name, weight in weights_of(model).items()}
        found.append(Alpha().measure(step_context(model, classification_loss, [batch], after))["alpha"])
    assert -1 <= found[0] < -0.9 < found[1] < 1 < found[2]


def test_the_fit_weights_observations_by_their_variances():
    """A value at the end that contradicts the others moves the fit the less the more uncertain it is."""
    exact = torch.tensor([1.0, -2.0, 0.0, 0.0], dtype=torch.float64)  # (t - 1)^2
    torch.testing.assert_close(fit(exact, torch.tensor([1.0, 2.0, 3.0, 4.0]).double()), torch.tensor([1.0, -2, 1]).double())
    wrong = exact + torch.tensor([0.0, 0.0, 3.0, 0.0], dtype=torch.float64)
    errors = [
        float((fit(wrong, torch.tensor([1, 1, variance, 1]).double()) - torch.tensor([1.0, -2, 1]).double()).norm())
        for variance in (0.1, 1.0, 1e6)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_the_fit_is_the_generalised_least_squares_solution():
    torch.manual_seed(0)
    means, variances = torch.randn(4).double(), torch.rand(4).double() + 0.1
    design = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 1, 2]]).double()
    precision = (1 / variances).diag()
    expected = torch.linalg.solve(design.T @ precision @ design, design.T @ precision @ means)
    torch.testing.assert_close(fit(means, variances), expected)


def test_positions_without_a_minimum():
    assert position(-1.0, -1.0) == -1
    assert position(0.0, 1.0) == math.inf
    assert position(1.0, 1.0) == -3  # the minimum is behind the start
    assert fit(torch.tensor([1.0, math.nan, 0, 0]), torch.ones(4)).isnan().all()


@PRECISIONS
def test_the_loss_along_the_update_is_a_parabola(dtype, tolerance):
    model, batch, gradient, after = step_of_gradient_descent(dtype, 0.1)
    found = LossAlongUpdate([0.0, 0.5, 1.0]).measure(
        step_context(model, value_loss, [(part,) for part in batch[0].split(13)], after)
    )
    start = float(model(batch[0]).mean())
    slope, curvature = float(gradient.square().sum()), float(gradient @ model.q @ gradient)
    expected = {f"{t:g}": start - 0.1 * t * slope + (0.1 * t) ** 2 * curvature / 2 for t in (0.0, 0.5, 1.0)}
    assert found["loss_along_update"] == pytest.approx(expected, rel=tolerance)
    assert found["best_fraction"] == float(min(expected, key=expected.__getitem__))
