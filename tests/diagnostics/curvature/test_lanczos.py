"""The Lanczos method, quadrature and trace estimates on matrices with known eigenvalues."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from descentlab.diagnostics.curvature.hutchinson import trace
from descentlab.diagnostics.curvature.lanczos import lanczos, largest, random_direction
from descentlab.diagnostics.curvature.operators import Operator
from descentlab.diagnostics.curvature.slq import bin_of, spectrum


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rotated(eigenvalues: Tensor) -> tuple[Operator, Tensor]:
    """Return a matrix with these eigenvalues and random eigenvectors, as an operator and whole."""
    n = len(eigenvalues)
    q = torch.linalg.qr(torch.randn(n, n, generator=generator(1), dtype=torch.float64)).Q
    matrix = ((q * eigenvalues.double()) @ q.T).to(eigenvalues.dtype)
    return Operator(n, lambda vector: matrix @ vector, matrix), matrix


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])
def test_as_many_steps_as_dimensions_give_all_eigenvalues_with_their_multiplicities(dtype, tolerance):
    eigenvalues = torch.tensor([-3.0, -3.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 50.0, 50.0], dtype=dtype)
    operator, _ = rotated(eigenvalues)
    found = spectrum(operator, 10, 3, generator())
    assert found.is_complete
    torch.testing.assert_close(found.values, eigenvalues.double(), rtol=0, atol=50 * tolerance)
    assert found.negative() == pytest.approx(0.2)
    assert found.weights.sum() == pytest.approx(1)


def test_the_error_bounds_hold_and_shrink():
    eigenvalues = torch.linspace(-1, 1, 200, dtype=torch.float64) ** 3 * 10
    operator, _ = rotated(eigenvalues)
    errors = []
    for steps in (5, 10, 40):
        ritz = lanczos(operator, random_direction(operator, generator()), steps, generator()).ritz()
        nearest = (ritz.values[:, None] - eigenvalues).abs().min(1).values
        assert (nearest <= ritz.errors + 1e-10).all()
        errors.append(float(ritz.errors[-1]))
    assert errors[0] > errors[1] > errors[2]


def test_the_largest_eigenvalue_has_the_wanted_precision_and_few_products_suffice():
    products = []
    operator, matrix = rotated(torch.cat([torch.rand(99, generator=generator()), torch.tensor([30.0])]).double())
    counted = operator._replace(product=lambda vector: products.append(1) or matrix @ vector)
    assert largest(counted, 50, generator(), 1e-6) == pytest.approx(30, rel=1e-6)
    assert len(products) < 10


def test_a_matrix_of_zeros_has_no_largest_eigenvalue_but_zero():
    operator = Operator(7, torch.zeros_like, torch.zeros(7))
    assert largest(operator, 5, generator(), 0.01) == 0
    assert spectrum(operator, 5, 2, generator()).negative() == 0


def test_products_that_are_not_finite_give_nan():
    operator = Operator(7, lambda vector: vector * math.nan, torch.zeros(7))
    assert math.isnan(largest(operator, 5, generator(), 0.01))
    found = spectrum(operator, 5, 2, generator())
    assert found.values.isnan().all()


def test_the_quadrature_estimates_the_distribution_of_the_eigenvalues():
    eigenvalues = torch.cat([torch.full((300,), -2.0), torch.full((600,), 0.5), torch.full((100,), 20.0)]).double()
    operator, _ = rotated(eigenvalues)
    found = spectrum(operator, 8, 10, generator())
    assert not found.is_complete
    assert found.negative() == pytest.approx(0.3, abs=0.03)
    density = found.density()
    assert density[bin_of(0.5)] == pytest.approx(0.6, abs=0.03)
    assert density[bin_of(20.0)] == pytest.approx(0.1, abs=0.03)
    assert sum(density.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "name"),
    [(0.0, "0"), (9e-5, "0"), (-9e-5, "0"), (2e-3, "1.78e-03"), (-2e-3, "-1.78e-03"), (5.0, "5.62e+00"), (1e9, "5.62e+05")],
)
def test_bins_are_half_decades_of_each_sign(value, name):
    assert bin_of(value) == name


def test_the_trace_of_a_diagonal_matrix_is_exact():
    diagonal = torch.arange(20.0)
    found = trace(Operator(20, lambda vector: diagonal * vector, diagonal), 3, generator())
    assert found.mean == pytest.approx(190)
    assert found.error == pytest.approx(0, abs=1e-4)


def test_the_standard_error_of_the_trace_is_that_of_its_theory():
    """The variance of v' A v is twice the sum of the squares off the diagonal (Hutchinson 1990)."""
    operator, matrix = rotated(torch.linspace(-1, 5, 50, dtype=torch.float64))
    theory = math.sqrt(2 * float((matrix - matrix.diag().diag()).square().sum()) / 2000)
    found = trace(operator, 2000, generator())
    assert found.error == pytest.approx(theory, rel=0.1)
    assert abs(found.mean - 100) < 4 * theory
    assert math.isnan(trace(operator, 1, generator()).error)
