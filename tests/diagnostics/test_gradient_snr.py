"""Signal-to-noise ratio of the gradient, against the gradients of examples."""

from __future__ import annotations

import pytest
import torch
from support.probing import context_of, double, mean_output, mean_square, measure
from torch import nn

from descentlab.diagnostics.gradient_snr import GradientSnr
from descentlab.diagnostics.probe import Context


def ratio(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first * second).sum() / ((first - second) ** 2).sum() * 4)


def snr(context: Context) -> dict[str, float]:
    return measure(GradientSnr(), context).layers["gradient_snr"]


@pytest.mark.parametrize("rows", [8, 9])
def test_the_gradients_of_a_linear_model_are_the_means_of_its_inputs(rows):
    model, inputs = nn.Linear(5, 1, bias=False).double(), double(rows, 5)
    found = snr(context_of(model, mean_output, [(inputs,)]))
    expected = ratio(inputs[:4].mean(0), inputs[4:8].mean(0))
    assert found["all"] == pytest.approx(expected, rel=1e-10)
    assert found == pytest.approx({"all": expected, "weight": expected}, rel=1e-10)


def test_microbatches_are_halved_and_weighted_by_their_sizes():
    model, inputs = nn.Linear(5, 1, bias=False).double(), double(11, 5)
    batches = [(inputs[:4],), (inputs[4:10],), (inputs[10:],)]  # the last one is too small
    found = snr(context_of(model, mean_output, batches))
    first, second = inputs[[0, 1, 4, 5, 6]].mean(0), inputs[[2, 3, 7, 8, 9]].mean(0)
    assert found["all"] == pytest.approx(ratio(first, second), rel=1e-10)


def test_layers_and_the_whole_model_have_the_gradients_of_autograd():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    inputs, targets = double(10, 5), double(10, seed=1)
    halves = []
    for rows in (slice(0, 5), slice(5, 10)):
        loss = mean_square(model, (inputs[rows], targets[rows]))
        halves.append([gradient.flatten() for gradient in torch.autograd.grad(loss, list(model.parameters()))])
    found = snr(context_of(model, mean_square, [(inputs, targets)]))
    assert found["all"] == pytest.approx(ratio(*(torch.cat(half) for half in halves)), rel=1e-9)
    layers = {layer: ratio(*(torch.cat(half[place : place + 2]) for half in halves)) for layer, place in (("0", 0), ("2", 2))}
    assert {layer: found[layer] for layer in layers} == pytest.approx(layers, rel=1e-9)


def test_numerator_and_denominator_are_unbiased():
    """For inputs of mean m and variance s^2 in each of d dimensions: |G|^2 = |m|^2, and the noise is d s^2 / n."""
    size, many = 16, 4000
    mean, deviation = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64), 2.0
    inputs = mean + deviation * double(many, size, 3)
    first, second = inputs[:, : size // 2].mean(1), inputs[:, size // 2 :].mean(1)
    signal, noise = (first * second).sum(1).mean(), ((first - second) ** 2).sum(1).mean() / 4
    assert float(signal) == pytest.approx(float(mean @ mean), abs=4 * 0.75 / many**0.5)
    assert float(noise) == pytest.approx(3 * deviation**2 / size, rel=0.05)


def test_a_batch_of_one_example_has_no_halves():
    model = nn.Linear(5, 1)
    found = measure(GradientSnr(), context_of(model, mean_output, [(torch.rand(1, 5),)]))
    assert (found.numbers, found.layers) == ({}, {})
