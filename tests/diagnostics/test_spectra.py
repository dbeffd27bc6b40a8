"""The probes of spectra and of sharpness equal closed forms on a quadratic, and the whole Hessian of a small network."""

from __future__ import annotations

import math

import pytest
import torch
from support.step_taken import classification_loss, full_hessian, step_context, tiny_network, value_loss

from descentlab.diagnostics.critical_point import CriticalPoint
from descentlab.diagnostics.gauss_newton import GaussNewton
from descentlab.diagnostics.hessian import Hessian
from descentlab.diagnostics.preconditioned_hessian import PreconditionedHessian
from descentlab.diagnostics.sharpness import Sharpness
from descentlab.models.point import Point
from descentlab.models.quadratic import Quadratic

PRECISIONS = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-8)])


def quadratic(dtype, dimensions=20, examples=6):
    """Return the quadratic with Hessian q, and a batch of points whose mean is its minimum."""
    torch.manual_seed(0)
    return Quadratic(dimensions).to(dtype), (torch.randn(examples, dimensions).to(dtype),)


@PRECISIONS
def test_all_numbers_of_a_quadratic_are_those_of_its_matrix(dtype, tolerance):
    model, batch = quadratic(dtype)
    found = Hessian(eigenvalues=2, steps=20).measure(step_context(model, value_loss, [batch]))
    expected = torch.linalg.eigvalsh(model.q.double())
    scale = float(expected[-1])
    for name, value in {"max": -1, "max_2": -2, "min": 0, "min_2": 1}.items():
        assert found[f"hessian_{name}"] == pytest.approx(float(expected[value]), abs=tolerance * scale)
    assert found["hessian_trace"] == pytest.approx(float(expected.sum()), rel=tolerance)
    assert found["hessian_negative"] == 0
    assert found["hessian_error"] <= tolerance * scale
    assert sum(found["hessian_density"].values()) == pytest.approx(1)


@PRECISIONS
def test_all_numbers_of_a_network_are_those_of_autograd(dtype, tolerance):
    model, batch = tiny_network(dtype)
    found = Hessian(steps=67).measure(step_context(model, classification_loss, [batch]))
    expected = torch.linalg.eigvalsh(full_hessian(*(tiny_network(torch.float64)[0], classification_loss), _double(batch)))
    scale = float(expected.abs().max())
    assert found["hessian_max"] == pytest.approx(float(expected[-1]), abs=tolerance * scale)
    assert found["hessian_max_3"] == pytest.approx(float(expected[-3]), abs=tolerance * scale)
    assert found["hessian_min"] == pytest.approx(float(expected[0]), abs=tolerance * scale)
    assert found["hessian_trace"] == pytest.approx(float(expected.sum()), abs=tolerance * scale)
    zero = 1e-5 * scale  # the network has directions without curvature, whose sign rounding decides
    assert found["hessian_negative"] == pytest.approx(float((expected < -zero).double().mean()), abs=0.05)


def _double(batch):
    return tuple(part.double() if part.is_floating_point() else part for part in batch)


def test_few_steps_find_the_extreme_eigenvalues_within_their_error_and_the_trace_within_its_own():
    model, batch = tiny_network()
    found = Hessian(steps=14, samples=50).measure(step_context(model, classification_loss, [batch]))
    expected = torch.linalg.eigvalsh(full_hessian(model, classification_loss, batch))
    assert found["hessian_max"] == pytest.approx(float(expected[-1]), rel=1e-4)
    assert found["hessian_min"] == pytest.approx(float(expected[0]), abs=2 * found["hessian_error"])
    assert abs(found["hessian_trace"] - float(expected.sum())) < 4 * found["hessian_trace_error"]


@PRECISIONS
def test_the_gauss_newton_matrix_of_softmax_regression_is_its_hessian(dtype, tolerance):
    torch.manual_seed(0)
    model = torch.nn.Linear(5, 3).to(dtype)
    batch = (torch.randn(9, 5).to(dtype), torch.randint(0, 3, (9,)))
    found = GaussNewton(steps=18).measure(step_context(model, classification_loss, [batch]))
    expected = torch.linalg.eigvalsh(full_hessian(model, classification_loss, batch))
    assert found["gauss_newton_max"] == pytest.approx(float(expected[-1]), rel=tolerance)
    assert found["gauss_newton_trace"] == pytest.approx(float(expected.sum()), rel=tolerance)
    assert found["gauss_newton_negative"] == 0


@PRECISIONS
def test_the_preconditioned_hessian_has_the_eigenvalues_of_the_product(dtype, tolerance):
    model, batch = quadratic(dtype)
    diagonal = torch.linspace(0.1, 3, 20).to(dtype)
    context = step_context(model, value_loss, [batch], preconditioner=lambda: {"t": diagonal})
    found = PreconditionedHessian(steps=20).measure(context)
    expected = torch.linalg.eigvals((diagonal.diag() @ model.q).double()).real.sort().values
    assert found["preconditioned_max"] == pytest.approx(float(expected[-1]), rel=tolerance)
    assert found["preconditioned_trace"] == pytest.approx(float(expected.sum()), rel=tolerance)


def test_nothing_is_measured_without_a_preconditioner():
    model, batch = quadratic(torch.float32)
    assert PreconditionedHessian().measure(step_context(model, value_loss, [batch])) == {}


@PRECISIONS
def test_sharpness_is_relative_to_the_limits_of_gradient_descent_and_of_the_optimizer(dtype, tolerance):
    model, batch = quadratic(dtype)
    diagonal = torch.linspace(0.1, 3, 20).to(dtype)
    eigenvalue = float(torch.linalg.eigvalsh(model.q.double())[-1])
    product = float(torch.linalg.eigvals((diagonal.diag() @ model.q).double()).real.max())
    probe = Sharpness(steps=20, tolerance=1e-10)
    plain = probe.measure(step_context(model, value_loss, [batch], lr=0.05))
    assert plain == pytest.approx({"sharpness": eigenvalue, "sharpness_ratio": 0.05 * eigenvalue / 2}, rel=tolerance)
    context = step_context(model, value_loss, [batch], lr=0.05, stability_limit=lambda: 3.8)
    assert probe.measure(context)["stability_ratio"] == pytest.approx(0.05 * eigenvalue / 3.8, rel=tolerance)
    limits = {"stability_limit": lambda: 38.0, "preconditioner": lambda: {"t": diagonal}}
    context = step_context(model, value_loss, [batch], lr=0.05, **limits)
    assert probe.measure(context)["stability_ratio"] == pytest.approx(0.05 * product / 38, rel=tolerance)


def test_sharpness_may_be_that_of_fixed_examples():
    model, batch = tiny_network()
    first = tuple(part[:5] for part in batch)
    context = step_context(model, classification_loss, [batch], training=lambda number: tuple(part[:number] for part in batch))
    found = Sharpness(steps=67, tolerance=1e-12, examples=5).measure(context)
    expected = float(torch.linalg.eigvalsh(full_hessian(model, classification_loss, first))[-1])
    assert found["sharpness"] == pytest.approx(expected, rel=1e-6)
    assert found["sharpness_loss"] == pytest.approx(classification_loss(model, first).item(), rel=1e-9)
    assert Sharpness(steps=67).measure(context)["sharpness"] != pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-8)])
def test_the_distance_on_a_quadratic_is_that_to_its_minimum(dtype, tolerance):
    """In float32 the distance is as exact as the condition number of q, 60 / 0.06, allows."""
    model, batch = quadratic(dtype)
    found = CriticalPoint(steps=20).measure(step_context(model, value_loss, [batch]))
    offset = (model.t.detach() - batch[0].mean(0)).double()
    assert found["critical_distance"] == pytest.approx(float(offset.norm()), rel=tolerance)
    assert found["critical_gradient"] == pytest.approx(float((model.q.double() @ offset).norm()), rel=tolerance)
    assert found["saddle_index"] == 0


def test_fewer_steps_underestimate_the_distance():
    model, batch = quadratic(torch.float64)
    lengths = [
        CriticalPoint(steps=steps).measure(step_context(model, value_loss, [batch]))["critical_distance"]
        for steps in (2, 5, 20)
    ]
    assert lengths == sorted(lengths)


def test_the_index_of_a_saddle_is_the_fraction_of_its_descending_directions():
    """x^2 / 2 - y^2 / 2 + y^4 / 4 has one descending direction of two at its saddle point."""
    model = Point("saddle")
    model.point.data.zero_()
    found = CriticalPoint().measure(step_context(model, value_loss, [(torch.zeros(1, 2),)]))
    assert found == {"critical_gradient": 0.0, "critical_distance": 0.0, "saddle_index": 0.5}


@pytest.mark.parametrize("probe", [Hessian(), GaussNewton(), Sharpness(), CriticalPoint()], ids=lambda probe: probe.name)
def test_weights_that_are_not_finite_give_numbers_that_are_not(probe):
    model, batch = tiny_network()
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    found = probe.measure(step_context(model, classification_loss, [batch]))
    assert any(math.isnan(value) for value in found.values() if isinstance(value, float))
