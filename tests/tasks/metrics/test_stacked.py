"""Outputs of stacked runs: those of each run, evaluated in parts that fit into memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from descentlab.tasks.metrics import stacked
from descentlab.tasks.metrics.stacked import largest_output, outputs_of_runs


class Counted(nn.Module):
    """A network that counts its forward passes."""

    def __init__(self):
        super().__init__()
        self.layers, self.passes = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 2)), 0

    def forward(self, x):
        self.passes += 1
        return self.layers(x)


def test_the_largest_output_is_that_of_the_widest_module():
    assert largest_output(Counted(), torch.zeros(3, 4)) == 3 * 10 * 4


@pytest.mark.parametrize(("limit", "passes"), [(2**28, 1), (2 * 3 * 40, 3), (1, 5)])
def test_runs_are_evaluated_in_parts_whose_outputs_fit_into_the_limit(monkeypatch, limit, passes):
    monkeypatch.setattr(stacked, "LARGEST", limit)
    runs, x = [Counted() for _ in range(5)], torch.randn(3, 4)
    model = copy.deepcopy(runs[0])
    tensors = {name: torch.stack([dict(run.named_parameters())[name] for run in runs]) for name, _ in model.named_parameters()}
    with torch.no_grad():
        outputs = outputs_of_runs(model, tensors, x)
        assert model.passes == 1 + passes  # and one to measure the largest output
        torch.testing.assert_close(outputs, torch.stack([run(x) for run in runs]))
