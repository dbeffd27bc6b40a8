"""Rank correlations per seed and over points, compared with scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support.claims import by_x, check

from descentlab.studies.checks import Verdict

NOISE = np.random.default_rng(0).normal(0, 6, (3, 20))
VALUES = {float(x): [x + NOISE[seed, x] for seed in range(3)] for x in range(20)}
RHO = [stats.spearmanr(range(20), [VALUES[x][seed] for x in range(20)]).statistic for seed in range(3)]


def test_per_seed_it_is_the_mean_on_fishers_scale():
    found = check("correlation", by_x(a=VALUES), at_least=0.1)
    z = np.arctanh(RHO)
    low, high = stats.t.interval(0.95, 2, z.mean(), stats.sem(z))
    assert (found.estimate, found.low, found.high) == pytest.approx((np.tanh(z.mean()), np.tanh(low), np.tanh(high)))
    assert (found.n, found.effect) == (3, "correlation of a")


def test_pooled_points_have_fishers_interval():
    found = check("correlation", by_x(a=VALUES), at_least=0.3, pool=True)
    rho = stats.spearmanr(np.repeat(range(20), 3), np.ravel(list(VALUES.values()))).statistic
    error = math.sqrt((1 + rho**2 / 2) / 57)
    assert found.estimate == pytest.approx(rho)
    assert found.low == pytest.approx(math.tanh(math.atanh(rho) - 1.959964 * error))
    assert (found.verdict, found.effect) == (Verdict.REPRODUCED, "correlation of a over 60 points")


def test_one_seed_is_that_of_its_points():
    one = by_x(a={x: values[:1] for x, values in VALUES.items()})
    found = check("correlation", one, at_least=0.1)
    assert (found.estimate, found.n) == (pytest.approx(RHO[0]), 1)
    assert found.low is not None


def test_a_perfect_order_has_a_finite_interval():
    found = check("correlation", by_x(a={x: [x, x, x] for x in range(10)}), at_least=0.6)
    assert (found.verdict, found.needed) == (Verdict.INCONCLUSIVE, 5)  # three equal values
    assert check("correlation", by_x(a={x: [x] for x in range(40)}), at_least=0.6).verdict is Verdict.REPRODUCED


def test_a_diverged_run_contradicts_the_claim_or_has_the_highest_rank():
    values = by_x(a={x: [float(x), x + 0.1 * (x % 3), None if x == 19 else x] for x in range(20)})
    assert check("correlation", values, at_least=0.6).verdict is Verdict.NOT_REPRODUCED
    assert check("correlation", values, at_least=0.6, diverged="worst_high", pool=True).verdict is Verdict.REPRODUCED
