"""Conclusions from differences, power and numbers of seeds, compared with reference values and in simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.difference import Difference
from descentlab.report.statistics.equivalence import (
    Conclusion,
    Kind,
    conclude,
    default_margin,
    equivalence_p,
    equivalence_power,
    level_of_one,
    needed_for_equality,
    needed_pairs,
    power,
)
from descentlab.report.statistics.paired import paired, unpaired


def difference(first, second, mode: str = "max", of=paired) -> Difference:
    found = of(dict(enumerate(map(float, first))), dict(enumerate(map(float, second))), mode)
    assert found is not None
    return found


FIRST = np.array([0.98, 0.975, 0.981, 0.977, 0.983])
NOISE = np.array([0.001, -0.001, 0.0005, -0.0002, 0.0004])


def test_a_clear_difference_is_better_or_worse_in_either_mode():
    better = difference(FIRST, FIRST - 0.01 + NOISE)
    assert conclude(better).kind is Kind.BETTER
    assert conclude(difference(FIRST - 0.01 + NOISE, FIRST)).kind is Kind.WORSE
    assert conclude(difference(FIRST, FIRST - 0.01 + NOISE, "min")).kind is Kind.WORSE
    assert conclude(better).needed is None


def test_equality_takes_precedence_over_a_small_but_certain_difference():
    small = difference(FIRST, FIRST - 0.002 + NOISE)
    assert small.low > 0
    assert conclude(small, margin=0.005).kind is Kind.EQUAL
    assert conclude(small, margin=0.001).kind is Kind.BETTER


def test_a_corrected_p_value_decides():
    found = difference(FIRST, FIRST - 0.002 + NOISE)
    assert conclude(found, margin=0.0, p_adjusted=0.06).kind is Kind.UNDECIDED
    assert conclude(found, margin=0.0, p_adjusted=0.06).p == 0.06


@pytest.mark.parametrize(("of", "enough", "p"), [(paired, 5, 1 / 32), (unpaired, 4, 1 / 70)])
@pytest.mark.parametrize("margin", [None, 0.0, 0.01])
def test_equal_constant_values_are_equal_if_there_are_enough(of, enough, p, margin):
    found = conclude(difference([1.0] * enough, [1.0] * enough, of=of), margin)
    assert (found.kind, found.p_equal) == (Kind.EQUAL, pytest.approx(p))
    fewer = conclude(difference([1.0] * (enough - 1), [1.0] * (enough - 1), of=of), margin)
    assert (fewer.kind, fewer.needed, fewer.needed_for) == (Kind.UNDECIDED, enough, Kind.EQUAL)


@pytest.mark.parametrize(("n", "kind"), [(2, Kind.UNDECIDED), (4, Kind.UNDECIDED), (5, Kind.EQUAL), (30, Kind.EQUAL)])
@pytest.mark.parametrize("margin", [None, 0.0])
def test_two_names_of_one_optimizer_are_equal_from_five_pairs_on(n, kind, margin):
    values = np.random.default_rng(n).normal(size=n)
    found = conclude(difference(values, values), margin)
    assert (found.kind, found.p_equal) == (kind, 2.0**-n)
    assert found.needed == (None if kind is Kind.EQUAL else 5)


def test_two_pairs_without_error_prove_nothing():
    found = conclude(difference([0.90, 0.95], [0.91, 0.96]), margin=0.02)
    assert (found.kind, found.p_equal, found.p) == (Kind.UNDECIDED, 0.25, 0.5)


def test_power_and_needed_pairs_are_those_of_the_corrected_level():
    found = difference(FIRST, FIRST + np.array([0.004, -0.004, 0.002, -0.002, 0.0]) - 0.001)
    single, several = conclude(found, margin=0.0), conclude(found, margin=0.0, comparisons=6)
    level = 1 - 0.05 / 6
    assert several.power == pytest.approx(power(found.sd_seed, found.sd, 5, level=level))
    assert several.needed == needed_pairs(found.sd, found.difference, level=level)
    assert several.needed > single.needed
    assert several.power < single.power
    assert several.p == pytest.approx(min(1, 6 * found.p_t))


def test_equality_is_corrected_for_several_comparisons():
    found = difference(FIRST, FIRST - 0.002 + NOISE)
    p = equivalence_p(found, 0.0027)
    assert 0.05 / 6 < p < 0.05
    single, several = conclude(found, margin=0.0027), conclude(found, margin=0.0027, comparisons=6)
    assert (single.kind, several.kind) == (Kind.EQUAL, Kind.BETTER)
    assert single.level_equal == pytest.approx(0.9)
    assert several.level_equal == pytest.approx(1 - 0.1 / 6)
    assert found.at_level(single.level_equal).high < 0.0027 < found.at_level(several.level_equal).high


@pytest.mark.parametrize("comparisons", [1, 3])
def test_the_simultaneous_interval_excludes_zero_where_bonferronis_p_is_significant(comparisons):
    level = level_of_one(comparisons)
    rng = np.random.default_rng(comparisons)
    for x, y in rng.normal(0.5, 1, (200, 2, 5)):
        found = difference(x + 1, y).at_level(level)
        assert (found.low > 0 or found.high < 0) == (found.p_t * comparisons < 0.05)


@pytest.mark.parametrize(("n", "kind"), [(2, Kind.UNDECIDED), (5, Kind.UNDECIDED), (6, Kind.BETTER)])
def test_a_constant_difference_is_decided_by_the_number_of_pairs(n, kind):
    values = np.linspace(0.9, 0.91, n)
    found = conclude(difference(values, values - 0.02))
    assert (found.kind, found.needed) == (kind, None if n == 6 else 6)


def test_constant_values_of_unpaired_optimizers_need_four_seeds_each():
    found = conclude(difference([1.0] * 3, [0.9] * 3, of=unpaired))
    assert (found.kind, found.needed, found.power) == (Kind.UNDECIDED, 4, None)
    assert conclude(difference([1.0] * 4, [0.9] * 4, of=unpaired)).kind is Kind.BETTER


def test_the_equivalence_test_is_the_larger_of_two_one_sided_t_tests():
    found, differences = difference(FIRST, FIRST - 0.002 + NOISE), 0.002 - NOISE
    one_sided = [
        stats.ttest_1samp(differences, -0.003, alternative="greater").pvalue,
        stats.ttest_1samp(differences, 0.003, alternative="less").pvalue,
    ]
    assert equivalence_p(found, 0.003) == pytest.approx(max(one_sided))
    assert conclude(found, margin=0.003).p_equal == pytest.approx(max(one_sided))


def test_the_default_margin_is_half_a_standard_deviation_over_seeds():
    found = difference([0.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    assert default_margin(found) == pytest.approx(math.sqrt((4 + 1) / 2) / 2)
    assert conclude(found).margin == default_margin(found)


@pytest.mark.parametrize("margin", [-0.1, math.nan])
def test_a_margin_that_is_no_size_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        conclude(difference(FIRST, FIRST - NOISE), margin)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 0.2313), (0.5, 0.4014), (0.86, 0.8779)])
def test_power_of_one_seed_sd_with_five_pairs(correlation, expected):
    assert power(1.0, 1.0, 5, correlation) == pytest.approx(expected, abs=1e-4)
    assert power(-1.0, math.sqrt(2 * (1 - correlation)), 5) == pytest.approx(expected, abs=1e-4)


def test_power_at_its_limits():
    assert power(0.0, 1.0, 5) == pytest.approx(0.05)
    assert power(1.0, 0.0, 2) == power(1e9, 1.0, 10_000) == power(1.0, 1.0, 5, correlation=1.0) == 1
    assert 0.05 <= power(1e-12, 1.0, 2) < 0.051


def test_numbers_of_pairs_equal_those_of_known_tables():
    # Cohen (1988), and G*Power: a paired t-test with d = .5, power .8 and level .05 needs 34; two groups 64 each
    assert needed_pairs(1.0, 0.5) == 34
    assert needed_pairs(math.sqrt(2), 0.5, groups=2) == 64
    assert needed_pairs(1.0, 0.0) is needed_pairs(1.0, 1e-9) is None
    assert needed_pairs(0.0, 0.1) == 2


def test_the_power_of_equivalence_equals_that_of_powertost():
    # R's PowerTOST: power.TOST(CV=.25, n=24) is .7391155; sampleN.TOST(CV=.3) is n=40 with power .815845 (crossover design,
    # two groups of n / 2 with n - 2 degrees of freedom)
    first, second = (math.sqrt(math.log(1 + cv**2)) for cv in (0.25, 0.3))
    margin, true = math.log(1.25), math.log(0.95)
    assert equivalence_power(true, first, margin, 12, groups=2) == pytest.approx(0.7391155, abs=1e-6)
    assert needed_for_equality(second, margin, true, groups=2) == 20
    assert equivalence_power(true, second, margin, 20, groups=2) == pytest.approx(0.815845, abs=1e-6)
    assert needed_for_equality(1.0, 0.5, 0.5) is None
    assert equivalence_power(0.0, 0.0, 0.1, 2) == 1


@pytest.mark.parametrize(("shift", "kind"), [(0.001, Kind.BETTER), (-0.001, Kind.WORSE), (0.0, Kind.EQUAL)])
def test_undecided_pairs_report_how_many_would_decide(shift, kind):
    noise = np.array([0.004, -0.004, 0.002, -0.002, 0.0])
    found = conclude(difference(FIRST + shift, FIRST + noise), margin=0.0005)
    assert (found.kind, found.needed_for) == (Kind.UNDECIDED, kind)
    assert found.needed is not None
    assert found.needed > 5


def conclusions(rng: np.random.Generator, runs: int, n: int, correlation: float, shift: float) -> list[Conclusion]:
    """Conclude from `runs` simulated sweeps of two optimizers, one of them better by `shift` seed sds."""
    shared, own = rng.normal(size=(runs, n)), rng.normal(size=(2, runs, n))
    first, second = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
    return [conclude(difference(x + shift, y)) for x, y in zip(first, second, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.86])
def test_a_planted_difference_is_found_as_often_as_power_predicts(correlation):
    runs = 5_000
    found = conclusions(np.random.default_rng(5), runs, 5, correlation, shift=1.0)
    share, predicted = np.mean([each.kind is Kind.BETTER for each in found]), power(1.0, 1.0, 5, correlation)
    assert share == pytest.approx(predicted, abs=3 * math.sqrt(predicted * (1 - predicted) / runs) + 0.005)


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("correlation", [0.0, 0.86])
def test_optimizers_of_equal_quality_are_seldom_distinguished(n, correlation):
    found = conclusions(np.random.default_rng(n), 1_000, n, correlation, shift=0.0)
    assert np.mean([each.kind in (Kind.EQUAL, Kind.UNDECIDED) for each in found]) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("correlation", [0.0, 0.86])
def test_optimizers_that_differ_by_a_seed_sd_are_seldom_called_equal(n, correlation):
    found = conclusions(np.random.default_rng(n), 1_000, n, correlation, shift=1.0)
    assert np.mean([each.kind is Kind.EQUAL for each in found]) <= 0.05
