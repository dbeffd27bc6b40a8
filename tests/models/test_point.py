"""Test functions equal their published definitions and have their published minima."""

import math

import pytest
import torch

from descentlab.models.point import SURFACES, Point

every_surface = pytest.mark.parametrize("name", SURFACES)


@every_surface
def test_gradient_is_zero_at_minima(name):
    surface = SURFACES[name]
    for minimum in surface.minima:
        here = torch.tensor(minimum * (3 - len(minimum)), dtype=torch.float64, requires_grad=True)
        value = surface.formula(here)
        assert float(value.detach()) == pytest.approx(surface.lowest, abs=1e-9)
        (gradient,) = torch.autograd.grad(value, here)
        assert gradient.tolist() == pytest.approx([0.0, 0.0], abs=1e-3)


@every_surface
def test_function_is_nowhere_lower_on_a_grid(name):
    surface = SURFACES[name]
    axis = torch.linspace(*surface.bounds, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    assert float(surface.formula(grid).min()) >= surface.lowest - 1e-9


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("rosenbrock", [-1.2, 1.0], 24.2),
        ("beale", [1.0, 1.0], 14.203125),
        ("himmelblau", [0.0, 0.0], 170.0),
        ("rastrigin", [0.5, 0.5], 40.5),
        ("ackley", [1.0, 1.0], 20 + math.e - 20 * math.exp(-0.2) - math.e),
        ("saddle", [2.0, 2.0], 4.0),
        ("monkey_saddle", [1.0, 1.0], -1.0),
        ("ill_conditioned", [1.0, 1.0], 500.5),
    ],
)
def test_published_values(name, at, value):
    assert float(SURFACES[name].formula(torch.tensor(at, dtype=torch.float64))) == pytest.approx(value)


def test_ackley_has_a_finite_gradient_at_its_minimum():
    made = Point("ackley")
    made.point.data.zero_()
    made(torch.zeros(1, 2)).sum().backward()
    assert torch.isfinite(made.point.grad).all()


def test_noise_is_added_to_the_gradient():
    made, x = Point("saddle"), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    exact, noisy = (torch.autograd.grad(made(given).mean(), made.point)[0] for given in (torch.zeros(2, 2), x))
    assert (noisy - exact).tolist() == pytest.approx([2.0, 3.0])


def test_more_dimensions():
    assert Point("rosenbrock", 5).point.tolist() == pytest.approx([-1.2, 1.0, -1.2, 1.0, -1.2])
    assert float(Point("rosenbrock", 4).distance()) == pytest.approx(math.hypot(2.2, 0, 2.2, 0))
    with pytest.raises(ValueError, match="two numbers"):
        Point("beale", 3)


def test_the_starting_point_can_be_chosen():
    assert Point("saddle", start=[1, 1e-6]).point.tolist() == pytest.approx([1.0, 1e-6])
    with pytest.raises(ValueError, match="3 coordinates, not 2"):
        Point("saddle", start=[1.0, 2.0, 3.0])


def test_trajectory_is_in_the_curves_and_the_surface_is_an_artifact(train):
    run = train("problem=saddle", "optimizer=sgd", "optimizer.lr=0.1", "budget.steps=40")
    xs, ys = run.column("train/x"), run.column("train/y")
    assert len(xs) == len(ys) == 40
    assert xs[:3] == pytest.approx([0.9, 0.81, 0.729])  # x <- x - 0.1 x
    assert (run.folder / "exhibits" / "surface.json").exists()
    assert run.record.summary["test"]["distance"] == pytest.approx(run.column("valid/distance")[-1])
