"""Predictions of theory, against closed forms and the recursions that they describe."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.optim.schedules.decay import Constant, Cosine, Polynomial, WarmupStableDecay
from descentlab.studies.quantities.adam_stability_limit import adam_stability_limit
from descentlab.studies.quantities.equilibrium_rotation import equilibrium_rotation
from descentlab.studies.quantities.last_iterate_bound import last_iterate_bound
from descentlab.studies.quantities.schedule_multipliers import schedule_multipliers

SCHEDULES = {
    "constant": Constant(),
    "linear": Polynomial(power=1.0),
    "cosine": Cosine(),
    "warmup_stable_decay": WarmupStableDecay(),
}


def harmonic(n: int) -> float:
    return float((1 / np.arange(1, n + 1)).sum())


@pytest.mark.parametrize("steps", [1, 10, 333])
@pytest.mark.parametrize("name", SCHEDULES)
def test_multipliers_are_those_of_the_schedules_of_runs(name, steps):
    expected = [SCHEDULES[name](step, steps) for step in range(steps)]
    assert schedule_multipliers(name, steps).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("steps", [2, 100, 4096])
def test_the_bound_of_a_constant_rate_is_that_of_the_harmonic_number(steps):
    found = last_iterate_bound(schedule_multipliers("constant", steps), distance=2, gradient=3)
    assert found.distance == pytest.approx(4 / (2 * steps))
    assert found.noise == pytest.approx(9 / 2 * (1 + harmonic(steps - 1)))


@pytest.mark.parametrize("steps", [2, 100, 4096])
def test_the_bound_of_a_linear_decay_is_that_of_its_closed_form(steps):
    found = last_iterate_bound(schedule_multipliers("linear", steps))
    assert found.distance == pytest.approx(1 / (steps + 1))
    assert found.noise == pytest.approx(1 - 1 / (2 * steps) + harmonic(steps - 1) / steps)


def test_the_bound_is_the_double_sum_of_the_theorem():
    eta = np.random.default_rng(0).uniform(0.1, 1.0, 7)
    tail = [eta[k:].sum() for k in range(7)]
    noise = (eta**2).sum() / tail[0] + sum(eta[k] / tail[k + 1] * (eta[k:] ** 2).sum() / tail[k] for k in range(6))
    assert last_iterate_bound(eta).noise == pytest.approx(noise / 2)


def test_the_best_rate_minimizes_the_bound():
    found = last_iterate_bound(schedule_multipliers("cosine", 50))
    rates = found.best_rate * np.geomspace(0.5, 2, 101)
    assert min(rates, key=found.at) == pytest.approx(found.best_rate)
    assert found.at(found.best_rate) == pytest.approx(found.best)


def test_the_best_constant_rate_falls_like_the_root_of_the_steps_and_a_decay_is_better():
    constant, linear = (last_iterate_bound(schedule_multipliers(name, 4096)).best for name in ("constant", "linear"))
    assert linear < 0.65 * constant
    rates = [last_iterate_bound(schedule_multipliers("constant", steps)).best_rate for steps in (2**16, 2**17)]
    assert -0.55 < np.log2(rates[1] / rates[0]) < -0.5  # 1 / sqrt(T log T)


def test_what_is_not_a_schedule_is_refused():
    with pytest.raises(ValueError, match="not positive"):
        last_iterate_bound([1.0, 0.0])
    with pytest.raises(ValueError, match="sqrt is not one of constant"):
        schedule_multipliers("sqrt", 3)
    with pytest.raises(ValueError, match="0 steps"):
        schedule_multipliers("linear", 0)


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
def test_random_updates_turn_at_the_predicted_rate(beta1):
    """A vector with decoupled decay and moving averages of noise, as updates of Adam with a constant second moment."""
    lr, decay, size = 1e-2, 1.0, 2000
    stream = np.random.default_rng(0)
    weights, average, angles = stream.standard_normal(size), np.zeros(size), []
    for step in range(1500):
        average = beta1 * average + (1 - beta1) * stream.standard_normal(size)
        after = (1 - lr * decay) * weights - lr * average
        if step >= 1000:
            across = after - (after @ weights) / (weights @ weights) * weights
            angles.append(np.arctan2(np.linalg.norm(across), after @ weights / np.linalg.norm(weights)))
        weights = after
    assert np.sqrt(np.mean(np.square(angles))) == pytest.approx(equilibrium_rotation(lr, decay, beta1), rel=0.05)


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9])
def test_the_limit_separates_convergence_from_divergence_on_a_quadratic(beta1):
    lr = 0.3
    for factor, stable in ((0.99, True), (1.01, False)):
        curvature = factor * adam_stability_limit(lr, beta1)
        # w <- w - lr m, m <- beta1 m + (1 - beta1) h w: the spectral radius of the map of (w, m)
        step = np.array([[1 - lr * (1 - beta1) * curvature, -lr * beta1], [(1 - beta1) * curvature, beta1]])
        assert (np.abs(np.linalg.eigvals(step)).max() < 1) == stable


def test_hyperparameters_out_of_range_are_refused():
    with pytest.raises(ValueError, match="beta1=1"):
        equilibrium_rotation(0.1, 0.1, 1.0)
    with pytest.raises(ValueError, match="lr=0"):
        adam_stability_limit(0.0)
