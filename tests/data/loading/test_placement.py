"""The placement of a process: its device, its precision and its share of the batches."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch.plugins.precision import DoublePrecision

from descentlab.data.digits import Digits
from descentlab.data.loading.placement import Placement


@pytest.fixture
def data():
    return Digits(0.2, 0.2)


def test_by_default_batches_are_those_of_one_process_on_the_cpu(data):
    inputs, targets = next(iter(data.val_dataloader()))
    assert torch.equal(inputs, data.splits.valid[0])
    assert torch.equal(targets, data.splits.valid[1])


def test_batches_are_served_on_the_device_in_the_precision_of_the_run(data):
    data.placement = Placement(torch.device("meta"), convert=DoublePrecision().convert_input)
    inputs, targets = next(iter(data.val_dataloader()))
    assert (inputs.device.type, inputs.dtype, targets.dtype) == ("meta", torch.float64, torch.int64)


def test_processes_share_the_rows_of_a_split(data):
    rows = []
    for rank in range(2):
        data.placement = Placement(rank=rank, world_size=2)
        rows += [row for inputs, _ in data.val_dataloader() for row in inputs.tolist()]
    assert sorted(rows) == sorted(data.splits.valid[0].tolist())
