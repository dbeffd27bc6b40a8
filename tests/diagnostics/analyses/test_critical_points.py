"""Critical points of functions whose critical points are known."""

from __future__ import annotations

import pytest
import torch

from descentlab.diagnostics.analyses.critical_points import hessian, refine


def quartic(weights):
    """Return sum over i of (w_i^2 - 1)^2 / 4: minima where all w_i = +-1, saddles where some are 0."""
    return (weights.square() - 1).square().sum() / 4


def point(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_hessian_is_that_of_a_quartic():
    weights = point(0.5, -2.0)
    assert hessian(quartic, weights).tolist() == [[pytest.approx(3 * 0.25 - 1), 0], [0, pytest.approx(11)]]


@pytest.mark.parametrize(
    ("start", "end", "index"), [((0.8, -1.2), (1, -1), 0), ((0.1, -1.2), (0, -1), 0.5), ((0.2, 0.1), (0, 0), 1)]
)
def test_minima_and_saddles_are_found_with_their_index(start, end, index):
    found = refine(quartic, point(*start))
    assert found.is_critical
    assert found.weights.tolist() == pytest.approx(end, abs=1e-8)
    assert found.index == index
    assert found.loss == pytest.approx(sum((w * w - 1) ** 2 for w in end) / 4, abs=1e-12)
    assert found.steps < 10


def test_a_step_is_not_longer_than_the_limit():
    flat = 3**-0.5 + 1e-6  # the second derivative is nearly 0: the step of Newton's method is long
    assert abs(refine(quartic, point(flat), max_steps=1, max_length=0.25).weights.item() - flat) == pytest.approx(0.25)


def test_a_search_without_a_critical_point_says_so():
    found = refine(lambda weights: weights.sum() + weights.exp().sum(), point(0.0), max_steps=5)
    assert not found.is_critical
    assert found.steps == 5
    assert found.gradient_norm > 1


def test_directions_without_slope_and_curvature_do_not_move():
    found = refine(lambda weights: quartic(weights[:1]), point(0.1, 7.0))
    assert found.is_critical
    assert found.weights.tolist() == pytest.approx([0, 7])
    assert found.index == 0.5


def test_a_search_ends_where_the_hessian_is_not_finite():
    found = refine(lambda weights: weights.square().sum() / 2 + torch.where(weights > 2, torch.inf, 0).sum(), point(1.5))
    assert found.is_critical
    found = refine(lambda weights: (weights - 3).square().sum().sqrt().pow(3) * weights.log().sum(), point(-1.0))
    assert not found.is_critical
    assert found.steps == 0
