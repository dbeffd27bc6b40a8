"""Performance profiles and AlgoPerf's score, compared with numbers computed by hand and by numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.report.statistics.profiles import performance_profiles

INF = math.inf
TIMES = {  # medians: 10, 30, 40, inf and 20, 20, 10, 50
    "adam": [[9, 10, 11], [30], [30, 50], [50, INF, INF]],
    "sgd": [[20, 20, 25], [20], [10], [50]],
}


def test_fractions_are_those_of_problems_within_each_ratio():
    found = performance_profiles(TIMES)
    assert found["adam"].ratios == found["sgd"].ratios == [1, 1.5, 2, 4]
    assert found["adam"].fractions == [0.25, 0.5, 0.5, 0.75]
    assert found["sgd"].fractions == [0.75, 0.75, 1, 1]
    assert (found["adam"].solved, found["sgd"].solved) == (3, 4)


def test_score_is_the_normalised_area_below_the_profile():
    generator = np.random.default_rng(0)
    times = {name: generator.exponential(1, (12, 1)).tolist() for name in "abc"}
    times["c"][3] = [INF]
    for profile in performance_profiles(times).values():
        taus = np.linspace(1, 4, 200_001)
        fractions = np.array(profile.fractions)[np.searchsorted(profile.ratios, taus, side="right") - 1]
        assert profile.score == pytest.approx(np.trapezoid(fractions, taus) / 3, abs=1e-4)


def test_an_optimizer_that_is_always_fastest_scores_one():
    found = performance_profiles({"a": [[1], [2]], "b": [[2], [INF]]})
    assert (found["a"].score, found["a"].score_limits) == (1, (1, 1))
    assert found["b"].score == pytest.approx((2 / 3 + 0) / 2)


def test_a_problem_that_nobody_solves_counts_for_none():
    found = performance_profiles({"a": [[1], [INF]], "b": [[1], [INF]]})
    assert found["a"].score == found["b"].score == 0.5


def test_the_band_contains_the_profile_and_covers_the_population():
    profile = performance_profiles(TIMES)["sgd"]
    assert all(low <= fraction <= high for fraction, (low, high) in zip(profile.fractions, profile.band, strict=True))
    # Times of `b` are 1 and those of `a` are 1 or 3 with probability .3: at ratio 2 the fraction of `a` is .7.
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        times = np.where(generator.random(20) < 0.7, 1.0, 3.0)
        a = performance_profiles({"a": times[:, None].tolist(), "b": [[1]] * 20})["a"]
        covered += a.band[0][0] <= 0.7 <= a.band[0][1]
    assert covered >= 88  # of 100: nominally 95, less the bootstrap's shortfall at 20 problems


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"a": [[1]], "b": [[1], [2]]}, "every optimizer needs times on every problem"),
        ({"a": [[]]}, "a has a problem without runs"),
        ({"a": [[0.0]]}, "a time of a is not positive"),
        ({"a": [[math.nan]]}, "a time of a is not positive"),
    ],
)
def test_invalid_times_are_errors(times, message):
    with pytest.raises(ValueError, match=message):
        performance_profiles(times)


def test_no_optimizers_give_no_profiles():
    assert performance_profiles({}) == {}
    assert performance_profiles({"a": []}) == {}
