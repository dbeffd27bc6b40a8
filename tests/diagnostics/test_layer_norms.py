"""Norms of layers, against sums over their parameters."""

from __future__ import annotations

import math

import pytest
import torch
from support.probing import context_of, double, mean_output, measure, weights_of
from torch import nn

from descentlab.diagnostics.layer_norms import LayerNorms


def test_norms_are_those_of_the_parameters_of_a_layer_as_one_vector():
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3, bias=False)).double()
    gradients = {name: double(*weight.shape, seed=seed) for seed, (name, weight) in enumerate(weights_of(model).items())}
    after = {name: weight + 0.1 * double(*weight.shape, seed=9) for name, weight in weights_of(model).items()}
    found = measure(LayerNorms(), context_of(model, mean_output, after=after, gradients=gradients)).layers
    before = weights_of(model)
    for layer, names in {"0": ["0.weight", "0.bias"], "1": ["1.weight"]}.items():
        weights = math.sqrt(sum(float((before[name] ** 2).sum()) for name in names))
        updates = math.sqrt(sum(float(((after[name] - before[name]) ** 2).sum()) for name in names))
        assert found["grad_norm"][layer] == pytest.approx(
            math.sqrt(sum(float((gradients[name] ** 2).sum()) for name in names)), rel=1e-12
        )
        assert found["weight_norm"][layer] == pytest.approx(weights, rel=1e-12)
        assert found["update_norm"][layer] == pytest.approx(updates, rel=1e-12)
        assert found["update_ratio"][layer] == pytest.approx(updates / weights, rel=1e-12)


def test_the_ratio_of_a_layer_without_weights_is_left_out():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[1].bias)
    after = {name: weight + 1 for name, weight in weights_of(model).items()}
    found = measure(LayerNorms(), context_of(model, mean_output, after=after, gradients=after)).layers
    assert found["update_ratio"].keys() == {"0"}
    assert found["update_norm"]["1"] == pytest.approx(math.sqrt(6))


def test_a_parameter_of_the_model_itself_is_a_layer_and_half_precision_is_summed_in_32_bits():
    model = nn.ParameterDict({"scale": torch.full((40_000,), 0.01, dtype=torch.bfloat16)})
    found = measure(LayerNorms(), context_of(model, mean_output, gradients=weights_of(model))).layers
    assert found["weight_norm"] == pytest.approx({"scale": 2.0}, rel=5e-3)
