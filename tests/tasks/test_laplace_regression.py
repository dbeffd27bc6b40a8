"""The expected absolute error under Laplace noise, against numerical integration and the closed form for normal residuals."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import erfcx
from torch import nn

from descentlab.optim.recipe import Recipe
from descentlab.tasks.laplace_regression import ExcessRisk, LaplaceRegression, expected_error
from descentlab.tasks.metrics.stacked import StackedScores


def task():
    recipe = Recipe(optimizer=torch.optim.SGD)
    return LaplaceRegression(0.2, model=nn.Identity(), recipe=recipe, monitor="excess_risk", mode="min")


@pytest.mark.parametrize("residual", [0.0, 0.05, -0.3, 2.0])
def test_expected_error_is_the_integral_over_the_noise(residual):
    def density(e):
        return math.exp(-abs(e) / 0.2) / 0.4

    expected = sum(
        quad(lambda e: abs(residual + e) * density(e), *bounds)[0]
        for bounds in ((-8, min(0, -residual)), (min(0, -residual), max(0, -residual)), (max(0, -residual), 8))
    )
    assert float(expected_error(torch.tensor(residual, dtype=torch.float64), 0.2)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_excess_risk_of_normal_residuals_has_a_closed_form(scale):
    """E |s Z + e| - b = s sqrt(2 / pi) + b (erfcx(s / (b sqrt 2)) - 1) for a standard normal Z and e of scale b."""
    residuals = scale * torch.from_numpy(np.random.default_rng(0).standard_normal((400_000, 1)))
    metric = ExcessRisk(0.2)
    metric.update(residuals[:100_000], torch.zeros(100_000, 1))
    metric.update(residuals[100_000:] + 3, torch.full((300_000, 1), 3.0))
    expected = scale * math.sqrt(2 / math.pi) + 0.2 * (erfcx(scale / (0.2 * math.sqrt(2))) - 1)
    assert float(metric.compute()) == pytest.approx(expected, rel=0.01)


def test_losses_of_training_and_of_splits():
    batch = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [0.0]])
    made = task()
    assert float(made.loss(lambda x: x, batch)) == pytest.approx(1.25)
    expected = np.mean([0.5 + 0.2 * math.exp(-2.5), 2 + 0.2 * math.exp(-10)])
    assert float(made.reported_loss(lambda x: x, batch)) == pytest.approx(expected, rel=1e-6)
    made.valid.metrics.update(*batch)
    assert float(made.valid.metrics.compute()["excess_risk"]) == pytest.approx(expected - 0.2, rel=1e-6)


def test_scores_can_be_computed_for_stacked_runs():
    assert StackedScores.apply_to(task())
