"""The first tensor of a step that is not finite."""

from __future__ import annotations

import math

import pytest
import torch
from support.planted_network import Planted
from support.probing import mean_output, weights_of
from torch import nn

from descentlab.data.loading.loader import Part
from descentlab.diagnostics.measuring.nonfinite import Search, bad_update

INPUTS = torch.rand(4, 3)


def search(model: nn.Module, *batch: torch.Tensor, loss=mean_output):
    buffers = dict(model.named_buffers())
    found = Search(model, loss, weights_of(model), buffers)([Part(batch or (INPUTS,), 1.0)])
    assert not any(module._forward_hooks for module in model.modules())
    return found


def test_a_finite_step_has_none():
    assert search(Planted(3, 2)) is None


def test_the_output_of_the_innermost_module_comes_first():
    assert search(Planted(3, 2, at=0)) == ("plant", "output")


def test_the_gradient_is_searched_backwards():
    assert search(Planted(3, 2, at=0, root=True)) == ("plant", "gradient of x")


@pytest.mark.parametrize(("place", "name"), [(0, "input"), (1, "target")])
def test_data_come_before_outputs(place, name):
    batch = [INPUTS, torch.zeros(4)]
    batch[place] = torch.full((4, 3)[: 2 - place], math.inf)
    assert search(Planted(3, 2), *batch) == (None, name)


def test_the_loss_comes_after_the_outputs():
    assert search(Planted(3, 2), loss=lambda predict, batch: predict(batch[0]).mean() / 0) == (None, "loss")


def test_an_output_of_the_model_itself_belongs_to_no_layer():
    class Root(nn.Linear):
        def forward(self, input):
            return super().forward(input) * math.inf

    assert search(Root(3, 2)) == (None, "output")


def test_the_first_parameter_with_a_bad_update_is_named():
    model = Planted(3, 2)
    before, after = weights_of(model), weights_of(model)
    assert bad_update(before, after) is None
    after["second.bias"][1], after["third.weight"][0, 0] = math.nan, math.inf
    assert bad_update(before, after) == ("second", "update of bias")
    assert bad_update(after, after) is None
