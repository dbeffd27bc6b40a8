"""Standardisation in float64: offsets, constants and extremes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from descentlab.data.loading.splits import standardise
from descentlab.data.loading.tables.scaling import standardised

BASE = np.random.default_rng(0).normal(size=(200, 1))


@pytest.mark.parametrize(
    ("offset", "scale"), [(0, 1), (1e9, 10), (1.7e9, 60), (-1e12, 1), (0, 1e300), (0, 1e-300), (5e307, 1e307)]
)
def test_offset_or_unit_costs_no_precision(offset, scale):
    values = offset + scale * BASE
    (train, other), deviation = standardised(values[:150], values[150:])
    mean, spread = BASE[:150].mean(), BASE[:150].std()
    tolerance = max(1e-12, 4 * np.finfo(float).eps * abs(offset) / scale)
    np.testing.assert_allclose(train, (BASE[:150] - mean) / spread, atol=tolerance)
    np.testing.assert_allclose(other, (BASE[150:] - mean) / spread, atol=tolerance)
    assert deviation[0] == pytest.approx(scale * spread, rel=max(1e-12, tolerance))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1700000123.0, -1e300, 1e-310])
def test_constant_column_is_exactly_zero_in_every_part(constant):
    (train, other), deviation = standardised(np.full((7, 1), constant), np.array([[constant], [constant + 5]]))
    assert not train.any()
    assert not other.any()
    assert deviation.tolist() == [0.0]


def test_deviation_due_to_rounding_counts_as_zero():
    (train,), deviation = standardised(np.array([[0.1 + 0.2], [0.3], [0.3]]))
    assert not train.any()
    assert deviation[0] == 0


def test_tensors_are_standardised_in_64_bits():
    x = torch.tensor([[16_777_216.0], [16_777_218.0], [16_777_220.0]])  # 2^24 and on: the sum is beyond 32 bits
    train, constant = standardise(x)[0], standardise(torch.full((5, 1), 0.1))[0]
    assert train.flatten().tolist() == pytest.approx([-(1.5**0.5), 0, 1.5**0.5], abs=1e-7)
    assert train.dtype == torch.float32
    assert not constant.any()
