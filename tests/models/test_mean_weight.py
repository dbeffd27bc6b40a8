"""The weights of `MeanWeight` move by noise and weight decay only."""

from __future__ import annotations

import math

import pytest
import torch

from descentlab.models.mean_weight import MeanWeight


def test_the_output_is_the_mean_and_its_gradient_is_zero():
    model = MeanWeight(4)
    with torch.no_grad():
        model.weights.copy_(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    found = model(torch.zeros(3, 2))
    assert found.tolist() == [3.0, 3.0, 3.0]
    found.mean().backward()
    assert model.weights.grad is not None
    assert model.weights.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("words", "lowest", "highest"),
    [
        (("optimizer=sgd",), 0.98, 1.02),
        (("optimizer=sgd", "decay.rate=1"), 0.98 * math.exp(-1), 1.02 * math.exp(-1)),
        (("optimizer=adam", "optimizer.lr=0.01", "decay.rate=1"), 0.98 * math.exp(-1), 1.02 * math.exp(-1)),
        (("optimizer=adam", "optimizer.lr=0.01", "decay.rate=1", "decay.kind=coupled", "noise.std=10"), 0.88, 0.93),
    ],
)
def test_the_mean_of_a_run_decays_as_theory_predicts(train, words, lowest, highest):
    """exp(-lr decay steps) with decoupled decay; with L2 regularization in Adam, the exponent is divided by the noise."""
    small = ("problem=gradient_noise", "model.dimensions=5000", "budget.steps=100", "validate_every=100")
    assert lowest < train(*small, *words).record.summary["test"]["loss"] < highest
