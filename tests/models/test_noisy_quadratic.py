"""The expected loss equals the recursion of second moments, in single runs and in blocks; random gradients agree with it."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from support.stacked import assert_equal, member_of

from descentlab.models.noisy_quadratic import NoisyQuadratic

SGD = torch.optim.SGD
D = 30


def recursion(examples, rate, momentum, power, steps):
    """Return the expected loss before each step: A = E t^2, C = E t v, V = E v^2 (arXiv:1907.04164, appendix B)."""
    h = 1 / torch.arange(1, D + 1, dtype=torch.float64)
    factor = h**-power
    slope, noise = h * factor, h * factor**2 / examples
    a, c, v = torch.ones(D).double(), torch.zeros(D).double(), torch.zeros(D).double()
    found = []
    for _ in range(steps):
        found.append(0.5 * (a * h).sum())
        both = momentum * c + slope * a
        v = momentum**2 * v + 2 * momentum * slope * c + slope**2 * a + noise
        a, c = a - 2 * rate * both + rate**2 * v, both - rate * v
    return torch.stack(found)


def losses(model, examples, steps, **settings):
    """Return the loss before each step of torch's SGD."""
    optimizer, x = SGD(model.parameters(), **settings), torch.zeros(examples, 1)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(x).mean()
        loss.backward()
        optimizer.step()
        found.append(loss.detach())
    return torch.stack(found)


@pytest.mark.parametrize("power", [0.0, 0.5])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("examples", [1, 16])
def test_the_expected_loss_is_that_of_the_recursion(examples, momentum, power):
    rate = 0.3 * (1 - momentum)
    found = losses(NoisyQuadratic(D, preconditioner=power).double(), examples, 150, lr=rate, momentum=momentum)
    torch.testing.assert_close(found, recursion(examples, rate, momentum, power, 150), rtol=1e-6, atol=0)


def test_an_evaluation_gives_the_loss_of_the_next_step_and_changes_nothing():
    model, x = NoisyQuadratic(D).double(), torch.zeros(4, 1)
    expected = losses(NoisyQuadratic(D).double(), 4, 12, lr=0.5)
    losses(model, 4, 11, lr=0.5)
    model.eval()
    torch.testing.assert_close(model(torch.zeros(7, 1)), expected[-1].expand(7))  # of batches of 4, as in training
    model.train()
    torch.testing.assert_close(model(x).mean(), expected[-1])


def test_random_gradients_have_the_variance_of_their_batch():
    torch.manual_seed(0)
    model, examples = NoisyQuadratic(20_000, expectation=False, preconditioner=0.5).double(), 9
    (gradient,) = torch.autograd.grad(model(torch.zeros(examples, 1)).mean(), model.mean)
    h = model.curvature
    noise = (gradient / model.scale - h) / (h / examples).sqrt()  # the derivative by t at t = 1 is h plus noise
    assert float(noise.mean()) == pytest.approx(0, abs=4 / 20_000**0.5)
    assert float(noise.var()) == pytest.approx(1, rel=0.04)
    assert float(model(torch.zeros(examples, 1)).detach().mean()) == pytest.approx(0.5 * float(h.sum()))


@pytest.mark.slow
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_mean_over_runs_with_random_gradients_approaches_the_expected_loss(momentum):
    torch.manual_seed(0)
    make = partial(NoisyQuadratic, D, expectation=False)
    runs = torch.stack([losses(make().double(), 2, 60, lr=0.05, momentum=momentum)[-1] for _ in range(60)])
    expected = recursion(2, 0.05, momentum, 0.0, 60)[-1]
    assert float((runs.mean() - expected).abs()) < 4 * float(runs.std()) / 60**0.5
    assert float(runs.std()) < 0.5 * float(expected)


def test_stacked_runs_have_the_losses_of_single_runs():
    words = ("problem=noisy_quadratic", "data.points=64", "batch_size=16", "model.dimensions=40")

    def make():
        given = [("optimizer=momentum", f"optimizer.lr={0.05 * 2**run}", "data_seed=0") for run in range(3)]
        return [member_of(words, *each, steps=25) for each in given]

    assert_equal(make, shared=True)
