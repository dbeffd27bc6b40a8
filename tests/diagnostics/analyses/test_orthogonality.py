"""Singular values after Newton-Schulz iterations, against the iteration of each singular value."""

from __future__ import annotations

import math

import pytest
import torch

from descentlab.diagnostics.analyses.orthogonality import SingularValues, orthogonalized
from descentlab.rules.muon import COEFFICIENTS


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (16, 16)])
def test_each_singular_value_becomes_that_of_the_polynomial(shape):
    matrix = normal(*shape).double()
    found = orthogonalized(matrix, dtype=torch.float64)
    values = torch.linalg.svdvals(matrix) / matrix.norm()
    assert found.before.tolist() == pytest.approx(values.tolist())
    a, b, c = COEFFICIENTS
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    assert found.after.tolist() == pytest.approx(values.tolist(), rel=1e-9)


def test_in_half_precision_the_result_is_nearly_orthogonal():
    low, high = orthogonalized(normal(64, 128)).extremes()
    assert 0.6 < low < high < 1.22


def test_small_singular_values_are_left_out():
    found = SingularValues(torch.tensor([1.0, 0.01, 1e-4]), torch.tensor([1.1, 0.7, 0.01]))
    assert found.extremes() == pytest.approx((0.7, 1.1))
    assert found.extremes(least=0.0) == pytest.approx((0.01, 1.1))
    assert math.isnan(found.extremes(least=2.0)[0])
