"""Numbers of probes as they are stored."""

from __future__ import annotations

import math

import torch

from descentlab.tasks.measurement import Measured, floats


def test_tensors_and_plain_numbers_keep_their_order_and_precision():
    exact = torch.tensor(1 / 3, dtype=torch.float64)
    assert floats([1, exact, torch.tensor([2.0]), True, torch.tensor(3)]) == [1.0, 1 / 3, 2.0, 1.0, 3.0]
    assert floats([exact, exact * 2]) == [1 / 3, 2 / 3]
    assert floats([]) == []


def test_numbers_and_layers_are_separate_and_undefined_layers_are_left_out():
    measured = Measured({}, {})
    measured.add({"a": torch.tensor(math.nan), "b": {"x": torch.tensor(1.0), "y": torch.tensor(math.nan), "z": math.inf}})
    measured.add({"c": 2})
    assert math.isnan(measured.numbers["a"])
    assert measured.numbers["c"] == 2
    assert measured.layers == {"b": {"x": 1.0, "z": math.inf}}
