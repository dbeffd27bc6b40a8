"""Angles of rotated rows, which are known."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.probing import context_of, double, mean_output, measure, weights_of
from torch import Tensor, nn

from descentlab.diagnostics.angular_update import AngularUpdate, angles_of


def rotated(rows: Tensor, angle: float) -> Tensor:
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    return rows @ turn.T


@pytest.mark.parametrize("angle", [1e-6, 1e-3, 0.5, 2.0, math.pi])
def test_the_angle_is_that_of_the_rotation_whatever_the_length(angle):
    rows = torch.tensor([[1.0, 0.0], [3.0, -4.0], [0.0, 1e-3]], dtype=torch.float64)
    after = rotated(rows, angle) * torch.tensor([[1.0], [2.0], [0.3]], dtype=torch.float64)
    assert angles_of(rows, after).tolist() == pytest.approx([angle] * 3, rel=1e-9)


def test_small_angles_are_precise_in_32_bits():
    rows = torch.randn(100, 50, generator=torch.Generator().manual_seed(0))
    after = rows + 1e-3 * torch.randn(100, 50, generator=torch.Generator().manual_seed(1))
    exact = torch.nn.functional.cosine_similarity(rows.double(), after.double()).arccos()
    assert angles_of(rows, after).tolist() == pytest.approx(exact.tolist(), rel=1e-4)


def test_a_layer_has_the_mean_over_its_neurons_without_those_of_zero_weights():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Conv2d(1, 2, (1, 2))).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
        model[2].weight.copy_(torch.tensor([[[[1.0, 1.0]]], [[[5.0, 0.0]]]]))
    after = weights_of(model)
    after["0.weight"] = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)  # by pi / 2, 0, undefined
    after["2.weight"] = rotated(model[2].weight.detach().flatten(1), 0.2).view(2, 1, 1, 2)
    found = measure(AngularUpdate(), context_of(model, mean_output, after=after)).layers["angular_update"]
    assert found == pytest.approx({"0": math.pi / 4, "2": 0.2}, rel=1e-12)


def test_the_angle_of_each_neuron_is_named_after_its_layer_and_its_row():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    after = weights_of(model)
    after["0.weight"] = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)  # by pi / 2, 0, undefined
    found = measure(AngularUpdate(neurons=True), context_of(model, mean_output, after=after)).layers
    assert found["neuron_angle"] == pytest.approx({"0/0": math.pi / 2, "0/1": 0.0, "2/0": 0.0}, abs=1e-12)
    assert found["angular_update"] == pytest.approx({"0": math.pi / 4, "2": 0.0}, abs=1e-12)


def test_neurons_are_measured_inside_of_a_stack_of_runs():
    before = double(4, 3, 5)
    after = before + 0.1 * double(4, 3, 5, seed=1)

    def of_one(old: Tensor, new: Tensor) -> dict[str, Tensor]:
        context: Any = SimpleNamespace(before={"0.weight": old}, after={"0.weight": new})
        return AngularUpdate(neurons=True).measure(context)["neuron_angle"]

    stacked = torch.vmap(of_one)(before, after)
    for run in range(4):
        assert [stacked[f"0/{index}"][run].item() for index in range(3)] == pytest.approx(
            angles_of(before[run], after[run]).tolist(), rel=1e-12
        )
