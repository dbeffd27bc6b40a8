"""Slopes of lines on each scale, over seeds and of one line, compared with scipy's regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support.claims import by_x, check

from descentlab.studies.checks import Verdict

XS = [1.0, 10.0, 100.0, 1000.0]


@pytest.mark.parametrize(
    ("scale", "curve", "slope"),
    [
        ("loglog", lambda x: 3 * x**-0.75, -0.75),
        ("semilogx", lambda x: 5 + 2 * math.log10(x), 2),
        ("semilogy", lambda x: 10 ** (1 - 0.003 * x), -0.003),
        ("linear", lambda x: 4 - 0.5 * x, -0.5),
    ],
)
def test_a_line_has_its_slope(scale, curve, slope):
    found = check("slope", by_x(a={x: [curve(x)] for x in XS}), scale=scale, within=[-9, 9], exact=True)
    assert (found.estimate, found.verdict) == (pytest.approx(slope), Verdict.REPRODUCED)


def test_the_range_selects_the_points():
    values = by_x(a={x: [x if x <= 32 else 32] for x in (1, 8, 32, 128, 512)})
    assert check("slope", values, within=[0.9, 1.1], range=[1, 32], exact=True).estimate == pytest.approx(1)
    assert check("slope", values, within=[0.9, 1.1], range=[32, 512], exact=True).estimate == pytest.approx(0)


def test_over_seeds_it_is_the_mean_slope_with_its_t_interval():
    values = by_x(a={x: [x**slope for slope in (0.9, 1.0, 1.05)] for x in XS})
    found = check("slope", values, within=[0.5, 1.5])
    slopes = [0.9, 1.0, 1.05]
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 2, np.mean(slopes), stats.sem(slopes)))
    assert (found.estimate, found.n) == (pytest.approx(np.mean(slopes)), 3)


def test_one_seed_has_the_standard_error_of_its_line():
    y = [1.0, 2.2, 2.9, 4.1]
    found = check("slope", by_x(a=dict(zip(XS, [[value] for value in y], strict=True))), scale="semilogx", at_least=0.5)
    line = stats.linregress(np.log10(XS), y)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 2, line.slope, line.stderr))
    assert (found.verdict, found.reason) == (Verdict.REPRODUCED, "standard error of one line")


@pytest.mark.parametrize("value", [None, 0.0, -1.0])
def test_a_seed_with_an_undefined_point_contradicts_the_claim(value):
    values = by_x(a={x: [x, x**1.01] for x in XS} | {1e4: [1e4, value]})
    found = check("slope", values, at_least=0.5)
    assert (found.verdict, found.reason) == (Verdict.NOT_REPRODUCED, "1 of 2 seeds have no slope")
    assert check("slope", values, at_least=0.5, range=[1, 1000]).verdict is Verdict.REPRODUCED
    assert check("slope", values, at_least=0.5, diverged="undefined").verdict is Verdict.INCONCLUSIVE
