"""Analyses on a quadratic, where every value has a closed form."""

from __future__ import annotations

import math

import pytest
import torch

from descentlab.diagnostics.analyses.directions import filter_normalized, orthogonal_to, principal, project
from descentlab.diagnostics.analyses.interpolation import interpolate
from descentlab.diagnostics.analyses.slices import line, plane, spaced
from descentlab.diagnostics.analyses.weights import combine, inner, relative_distance

Q = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)


def quadratic(weights):
    """Return w' Q w / 2 of the tensor t, and its negative as a metric of which more is better."""
    value = float(0.5 * weights["t"] @ Q @ weights["t"])
    return {"loss": value, "score": -value}


def point(*values):
    return {"t": torch.tensor(values, dtype=torch.float64)}


def test_the_barrier_between_two_points_of_a_convex_function_is_half_the_difference_of_the_ends():
    found = interpolate(quadratic, point(1.0, 0.0), point(0.0, 1.0), 11)
    expected = [0.5 * (3 * (1 - a) ** 2 + 2 * a * (1 - a) + 2 * a**2) for a in found.fractions]
    assert found.metrics["loss"] == pytest.approx(expected, rel=1e-12)
    assert found.barrier("loss") == pytest.approx(1.5 - (1.5 + 1.0) / 2)  # the highest value is that of an end
    assert found.barrier("score", is_better_high=True) == pytest.approx(found.barrier("loss"))


def test_the_barrier_between_two_minima_is_the_height_of_the_hill():
    def double_well(weights):
        return {"loss": float((weights["t"][0] ** 2 - 1) ** 2)}

    assert interpolate(double_well, point(-1.0), point(1.0), 21).barrier("loss") == pytest.approx(1.0)


def test_a_loss_that_is_not_finite_is_an_infinite_barrier():
    def wall(weights):
        return {"loss": math.nan if abs(weights["t"][0]) < 0.1 else 0.0}

    assert interpolate(wall, point(-1.0), point(1.0), 21).barrier("loss") == math.inf


def test_combinations_keep_integers():
    count = {"count": torch.tensor(3)}
    found = combine([(0.25, point(4.0) | count), (0.75, point(8.0) | count)])
    assert found["t"].tolist() == [7.0]
    assert found["count"].item() == 3


def test_filters_of_a_direction_have_the_norms_of_those_of_the_weights():
    stream = torch.Generator().manual_seed(0)
    weights = {"kernel": torch.randn(4, 3, 2, 2, generator=stream), "matrix": torch.randn(5, 7, generator=stream)}
    weights["bias"] = torch.ones(5)
    found = filter_normalized(weights, list(weights), torch.Generator().manual_seed(1))
    assert set(found) == {"kernel", "matrix"}
    for name, direction in found.items():
        assert torch.allclose(direction.flatten(1).norm(dim=1), weights[name].flatten(1).norm(dim=1))
    again = filter_normalized(weights, list(weights), torch.Generator().manual_seed(1))
    assert torch.equal(found["kernel"], again["kernel"])


def test_a_model_of_vectors_only_moves_as_one_filter_each():
    found = filter_normalized(point(3.0, 4.0), ["t"], torch.Generator().manual_seed(0))
    assert found["t"].norm().item() == pytest.approx(5.0)


def test_slices_equal_the_closed_form():
    centre, first, second = (
        point(0.5, -1.0),
        {"t": torch.tensor([1.0, 2.0]).double()},
        {"t": torch.tensor([-2.0, 1.0]).double()},
    )
    x, y = spaced(-1, 1, 5), spaced(-0.5, 0.5, 3)
    expected = [[quadratic({"t": centre["t"] + a * first["t"] + b * second["t"]})["loss"] for a in x] for b in y]
    found = plane(quadratic, centre, first, second, x, y)
    assert [list(row) for row in found.loss] == [pytest.approx(row, rel=1e-12) for row in expected]
    assert line(quadratic, centre, first, x).loss == pytest.approx(expected[1])
    w, d = centre["t"], first["t"]
    curvature = [0.5 * w @ Q @ w + a * d @ Q @ w + 0.5 * a * a * d @ Q @ d for a in x]
    assert line(quadratic, centre, first, x).loss == pytest.approx([float(each) for each in curvature])


def test_spaced_numbers_contain_zero_exactly():
    assert 0.0 in spaced(-0.3, 0.3, 7)
    assert spaced(0, 1, 3) == [0, 0.5, 1]


def test_principal_directions_of_a_plane_are_orthonormal_and_explain_it():
    basis = torch.linalg.qr(torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0].T
    places = [(3.0, 0.1), (2.0, -0.2), (-1.0, 0.3), (-4.0, 0.0)]
    steps = [{"a": (x * basis[0] + y * basis[1])[:4], "b": (x * basis[0] + y * basis[1])[4:]} for x, y in places]
    axes, shares = principal(steps)
    flat = torch.stack([torch.cat([step["a"], step["b"]]) for step in steps])
    _, values, right = torch.linalg.svd(flat)
    assert shares == pytest.approx((values[:2] ** 2 / (values**2).sum()).tolist())
    for axis, expected in zip(axes, right, strict=False):
        assert abs(torch.cat([axis["a"], axis["b"]]) @ expected) == pytest.approx(1.0)
    for step in steps:  # the plane contains them, so that the projection loses nothing
        x, y = project(step, axes)
        assert torch.allclose(x * axes[0]["a"] + y * axes[1]["a"], step["a"])


def test_a_trajectory_on_a_line_has_one_direction():
    axes, shares = principal([point(1.0, 2.0), point(2.0, 4.0), point(0.0, 0.0)])
    assert len(axes) == 1
    assert shares == pytest.approx([1.0])


def test_the_projection_on_directions_that_are_not_orthogonal_is_a_least_squares_fit():
    axes = [{"t": torch.tensor([1.0, 0.0, 0.0]).double()}, {"t": torch.tensor([1.0, 1.0, 0.0]).double()}]
    assert project({"t": torch.tensor([5.0, 2.0, 7.0]).double()}, axes) == pytest.approx([3.0, 2.0])


def test_an_orthogonal_direction_keeps_its_norm():
    first, second = {"t": torch.tensor([1.0, 1.0]).double()}, {"t": torch.tensor([0.0, 2.0]).double()}
    found = orthogonal_to(second, first)
    assert inner(found, first) == pytest.approx(0.0, abs=1e-12)
    assert found["t"].norm().item() == pytest.approx(2.0)


def test_the_distance_is_relative_to_the_way_from_the_origin_over_the_named_tensors():
    first, second, origin = (point(*each) | {"count": torch.tensor(k)} for k, each in enumerate([(3, 4), (3, 5), (3, 2)]))
    assert relative_distance(first, second, origin, ["t"]) == pytest.approx(1 / 2)
    assert relative_distance(first, point(math.inf, 0), origin, ["t"]) == math.inf
    assert math.isnan(relative_distance(first, second, first, ["t"]))
