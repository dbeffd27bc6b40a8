"""Dead and saturated units, planted by biases."""

from __future__ import annotations

import pytest
import torch
from support.probing import context_of, mean_output, measure
from torch import nn

from descentlab.diagnostics.dead_units import DeadUnits


def with_bias(layer: nn.Module, bias: list[float]) -> nn.Module:
    """Return `layer` with small weights and the given bias."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(0.01)
        layer.bias.copy_(torch.tensor(bias))
    return layer


def dead(model: nn.Module, *inputs: torch.Tensor) -> dict[str, float]:
    context = context_of(model, mean_output, [(each,) for each in inputs])
    return measure(DeadUnits(), context).layers.get("dead_units", {})


@pytest.mark.parametrize(
    ("activation", "bias", "fraction"),
    [
        (nn.ReLU(), [-9.0, -9.0, -9.0, 9.0], 0.75),
        (nn.Sigmoid(), [9.0, -9.0, 0.0, 1.0], 0.5),
        (nn.Tanh(), [9.0, -9.0, -9.0, 0.0], 0.75),
    ],
)
def test_units_without_a_gradient_are_counted(activation, bias, fraction):
    model = nn.Sequential(with_bias(nn.Linear(3, 4), bias), activation)
    assert dead(model, torch.rand(5, 3)) == {"1": fraction}


def test_a_unit_that_one_example_of_one_microbatch_activates_is_alive():
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [1.0]]))
        model[0].bias.copy_(torch.tensor([0.0, -5.0]))
    quiet, loud = torch.full((3, 1), -1.0), torch.tensor([[-1.0], [2.0]])
    assert dead(model, quiet) == {"1": 1.0}
    assert dead(model, quiet, loud) == {"1": 0.5}


def test_a_unit_is_a_channel_of_images_and_a_feature_of_sequences():
    images = nn.Sequential(with_bias(nn.Conv2d(1, 2, 3), [-9.0, 9.0]), nn.ReLU())
    assert dead(images, torch.rand(4, 1, 5, 5)) == {"1": 0.5}
    sequences = nn.Sequential(with_bias(nn.Linear(3, 4), [-9.0, 9.0, 9.0, 9.0]), nn.ReLU())
    assert dead(sequences, torch.rand(4, 7, 3)) == {"1": 0.25}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.RNN(2, 4, batch_first=True)
        with torch.no_grad():
            self.cells.bias_ih_l0.copy_(torch.tensor([50.0, -50.0, 50.0, 0.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cells(x)[0]


def test_the_states_of_a_recurrent_network_saturate():
    assert dead(Recurrent(), torch.rand(3, 6, 2)) == {"cells": 0.75}


def test_a_model_without_such_activations_is_not_evaluated():
    def refuse(*_: object) -> torch.Tensor:
        raise AssertionError

    model = nn.Sequential(nn.Linear(2, 2), nn.GELU())
    assert measure(DeadUnits(), context_of(model, refuse, [(torch.rand(2, 2),)])).layers == {"dead_units": {}}
