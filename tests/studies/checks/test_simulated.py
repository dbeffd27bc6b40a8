"""Each check on 200 simulated data sets of a true, a false and a borderline claim.

True and false claims are several standard errors from the bound, and get the right verdict in at least 95 %. A borderline claim
has its true effect exactly at the bound: an interval of the level .95 contains it with a probability of .95. The number of
inconclusive ones is binomial, and three standard deviations below its mean are allowed. For equivalence, the interval that must
lie inside has 90 % and that outside 95 %: .925. A claim about every seed that ran (`equal`, `value` with `each`) has no
borderline. The generator's seed is fixed.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from support.claims import by_seed, by_x, fewest, frame, verdicts

from descentlab.studies.checks import Verdict, check_names

N = 8  # seeds


def paired_losses(generator, ratio, n=N):
    """Return log-normal losses of two arms in a ratio, with a common effect of the seed."""
    common = generator.normal(0, 0.3, n)
    b = np.exp(common + generator.normal(0, 0.05, n))
    return by_seed(a=ratio * np.exp(common + generator.normal(0, 0.05, n)), b=b)


def negative_pairs(generator, ratio):
    """Return values below 0, which have no logarithm, whose means are in a ratio."""
    return by_seed(a=-ratio + generator.normal(0, 0.08, N), b=-1 + generator.normal(0, 0.08, N))


def pairs(generator, difference, sd=0.04):
    common = generator.normal(0, 1, N)
    return by_seed(a=common + difference + generator.normal(0, sd, N), b=common + generator.normal(0, sd, N))


def unpaired(generator, difference):
    values = pairs(generator, difference)
    a, b = (values.filter(pl.col("arm") == arm).with_columns(value=pl.Series(generator.normal(mean, 0.04, N)))
            for arm, mean in (("a", difference), ("b", 0)))  # fmt: skip
    return pl.concat([a, b.with_columns(pl.col("seed") + 100)])


def three_arms(generator, gap):
    noise = generator.normal(0, 0.05, (3, N))
    return by_seed(a=noise[0], b=gap + noise[1], c=gap + 0.3 + noise[2])


def normal(generator, mean):
    return by_seed(a=mean + generator.normal(0, 0.1, N), b=mean + generator.normal(0, 0.1, N))


def one_arm(generator, mean):
    return by_seed(a=mean + generator.normal(0, 0.1, N))


def decades(generator, log_mean):
    return by_seed(a=10 ** (log_mean + generator.normal(0, 0.5, N)))


def power_law(generator, slope, n=5):
    xs = (8, 16, 32, 64, 128)
    return by_x(
        a={x: 1e4 * x ** (slope + generator.normal(0, 0.02, n) * (n > 1)) * np.exp(generator.normal(0, 0.05, n)) for x in xs}
    )


def one_line(generator, slope):
    return power_law(generator, slope, 1)


def solved(generator, p):
    return by_seed(a=np.where(generator.random(30) < p, 0.01, 1.0))


def curve(generator, step):
    means = np.cumsum([0, 0.3, step, 0.3])
    return by_x(a={x: mean + generator.normal(0, 0.03, N) for x, mean in enumerate(means)})


def arms_of_curve(generator, step):
    means = np.cumsum([0, 0.3, step])
    return by_seed(**{arm: mean + generator.normal(0, 0.03, N) for arm, mean in zip("abc", means, strict=True)})


def steps(generator, mean):
    return by_seed(a=generator.normal(mean, 20, N).round())


def correlated(generator, rank_correlation, n=N, m=60):
    """Return normal points, whose Spearman correlation is 6 / pi asin(r / 2) for Pearson's r."""
    r = 2 * math.sin(math.pi * rank_correlation / 6)
    x = generator.normal(size=(n, m))
    y = r * x + math.sqrt(1 - r * r) * generator.normal(size=(n, m))
    return frame([("a", x[seed, k], seed, y[seed, k]) for seed in range(n) for k in range(m)])


def one_cloud(generator, rank_correlation):
    return correlated(generator, rank_correlation, 1, 100)


PAIR = {"arms": ["a", "b"]}
# name -> check, settings, simulation, effects of a true, a false and a borderline claim, rate of inconclusive at the border
CASES = {
    "ratio": ("ratio", {**PAIR, "at_most": 1.1}, paired_losses, 0.9, 1.4, 1.1, 0.95),
    "ratio_at_least": ("ratio", {**PAIR, "at_least": 10}, paired_losses, 14, 8, 10, 0.95),
    "ratio_of_negatives": ("ratio", {**PAIR, "at_most": 1.1}, negative_pairs, 0.8, 1.5, 1.1, 0.95),
    "difference": ("difference", {**PAIR, "at_least": 0.1}, pairs, 0.25, 0.0, 0.1, 0.95),
    "difference_unpaired": ("difference", {**PAIR, "at_least": 0.1}, unpaired, 0.25, 0.0, 0.1, 0.95),
    "ordering": ("ordering", {"arms": ["a", "b", "c"]}, three_arms, 0.2, -0.2, 0.0, 0.95),
    "value": ("value", {"at_most": 1, "arms": ["a"]}, one_arm, 0.7, 1.3, 1.0, 0.95),
    "value_within": ("value", {"within": [1, 2], "arms": ["a"]}, one_arm, 1.5, 2.4, 2.0, 0.95),
    "value_log": ("value", {"at_most": 1e-6, "scale": "log"}, decades, -7.2, -4.8, -6, 0.95),
    "value_two_arms": ("value", {"at_most": 1}, normal, 0.7, 1.3, 1.0, 0.95),
    "value_each": ("value", {"at_most": 1, "each": True}, normal, 0.3, 1.3, None, 0.95),
    "slope": ("slope", {"at_most": -0.65, "scale": "loglog"}, power_law, -0.8, -0.5, -0.65, 0.95),
    "slope_of_one_line": ("slope", {"at_most": -0.65}, one_line, -0.9, -0.4, -0.65, 0.95),
    "equal": ("equal", {"tolerance": 1}, one_arm, 0.0, 1.4, None, 0.95),
    "count": ("count", {"at_most": 0.1, "fraction_at_least": 0.75}, solved, 0.995, 0.3, 0.75, 0.95),
    "count_at_most": ("count", {"at_most": 0.1, "fraction_at_most": 0.25}, solved, 0.005, 0.7, 0.25, 0.95),
    "monotone": ("monotone", {"tolerance": 0.1}, curve, 0.0, -0.3, -0.1, 0.95),
    "monotone_arms": ("monotone", {"over": "arms", "arms": ["a", "b", "c"]}, arms_of_curve, 0.1, -0.2, 0.0, 0.95),
    "crossed": ("crossed", {"at_most": 400}, steps, 300, 500, 400, 0.95),
    "correlation": ("correlation", {"at_least": 0.6}, correlated, 0.8, 0.2, 0.6, 0.95),
    "correlation_of_one_cloud": ("correlation", {"at_least": 0.6}, one_cloud, 0.85, 0.2, 0.6, 0.95),
    "equivalence": ("equivalence", {**PAIR, "margin": 0.1}, pairs, 0.0, 0.3, 0.1, 0.925),
    "equivalence_factor": ("equivalence", {**PAIR, "factor": 1.2}, paired_losses, 1.0, 1.6, 1.2, 0.925),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_true_false_and_borderline_claims_get_the_right_verdict(name):
    kind, settings, simulate, true, false, border, inconclusive = CASES[name]
    settings = {"check": kind, **settings}
    assert verdicts(settings, lambda generator: simulate(generator, true))[Verdict.REPRODUCED] >= 190
    assert verdicts(settings, lambda generator: simulate(generator, false), seed=1)[Verdict.NOT_REPRODUCED] >= 190
    if border is not None:
        found = verdicts(settings, lambda generator: simulate(generator, border), seed=2)
        assert found[Verdict.INCONCLUSIVE] >= fewest(inconclusive), found


def test_every_check_is_simulated():
    assert {kind for kind, *_ in CASES.values()} == set(check_names())


@pytest.mark.slow
def test_the_needed_number_of_seeds_decides_in_four_of_five_cases():
    """A difference of half a standard deviation from the bound needs 34 pairs (Cohen 1988, d = .5, power .8)."""

    def simulate(n):
        return lambda generator: by_seed(a=generator.normal(0.5, 1, n), b=np.zeros(n))

    settings = {"check": "difference", "arms": ["a", "b"], "at_least": 0}
    found = verdicts(settings, simulate(34))
    assert 140 <= found[Verdict.REPRODUCED] <= 178  # 160 +- 3 standard deviations
