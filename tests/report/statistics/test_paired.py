"""Differences between two optimizers, compared with scipy, and their errors in simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.difference import EQUAL_DIFFERENCES, EQUAL_VALUES, Paired, Unpaired
from descentlab.report.statistics.paired import paired, unpaired
from descentlab.report.statistics.ranges import FRACTION, POSITIVE


def by_seed(values) -> dict[int, float]:
    return dict(enumerate(map(float, values)))


def pairs(first, second, mode: str = "max", level: float = 0.95) -> Paired:
    found = paired(by_seed(first), by_seed(second), mode, level)
    assert found is not None
    return found


def samples(first, second, mode: str = "max") -> Unpaired:
    found = unpaired(by_seed(first), by_seed(second), mode)
    assert found is not None
    return found


def drawn(n: int, m: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.normal(size=n), rng.normal(0.4, 1.5, n if m is None else m)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_paired_t_test_equals_scipys(n, level):
    x, y = drawn(n)
    found, reference = pairs(x, y, level=level), stats.ttest_rel(x, y)
    ends = reference.confidence_interval(level)
    assert found.p_t == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert (found.n, found.difference, found.sd) == (n, pytest.approx((x - y).mean()), pytest.approx((x - y).std(ddof=1)))
    assert found.correlation == (None if n == 2 else pytest.approx(stats.pearsonr(x, y).statistic))


@pytest.mark.parametrize(("n", "m"), [(2, 3), (5, 5), (8, 30)])
def test_the_unpaired_test_equals_scipys_welch_test(n, m):
    x, y = drawn(n, m)
    found, reference = samples(x, y), stats.ttest_ind(x, y, equal_var=False)
    ends = reference.confidence_interval()
    assert (found.p_t, found.degrees) == pytest.approx((reference.pvalue, reference.df))
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.p_permutation == pytest.approx(stats.mannwhitneyu(x, y).pvalue)
    assert (found.n, found.n_first, found.n_second) == (n, n, m)


def test_positive_differences_favour_the_first_in_either_mode():
    losses, worse = [0.1, 0.2, 0.15], [0.3, 0.35, 0.4]
    assert pairs(losses, worse, "min").difference == pytest.approx(0.2)
    assert pairs(losses, worse, "max").difference == pytest.approx(-0.2)
    assert samples(losses, worse, "min").improvement_all == 1.0
    with pytest.raises(ValueError, match="mode is max or min"):
        paired(by_seed(losses), by_seed(worse), "maximum")


def test_only_shared_seeds_form_pairs():
    first, second = {0: 0.9, 1: 0.8, 2: 0.7, 9: 0.0}, {2: 0.6, 0: 0.8, 1: 0.75, 7: 1.0}
    found = paired(first, second, "max")
    assert found is not None
    assert (found.n, found.difference) == (3, pytest.approx(0.25 / 3))


@pytest.mark.parametrize(
    "first", [{}, {0: 0.5}, {0: 0.5, 5: 0.6}, {0: 0.5, 1: None}, {0: 0.5, 1: math.nan}, {0: math.inf, 1: 0.5}]
)
def test_too_few_or_undefined_pairs_have_no_difference(first):
    assert paired(first, {0: 0.4, 1: 0.6}, "max") is None
    assert paired({0: 0.4, 1: 0.6}, first, "max") is None


@pytest.mark.parametrize("first", [{}, {0: 0.5}, {0: 0.5, 1: None}, {0: 0.5, 1: math.nan}])
def test_too_few_or_undefined_values_have_no_difference(first):
    assert unpaired(first, {0: 0.4, 1: 0.6}, "max") is None
    assert unpaired({0: 0.4, 1: 0.6}, first, "max") is None


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("value", [1.0, None])
def test_identical_runs_differ_by_exactly_zero(n, value):
    values = drawn(n)[0] if value is None else [value] * n
    found = pairs(values, values)
    assert (found.difference, found.low, found.high, found.error, found.method) == (0, 0, 0, 0, EQUAL_DIFFERENCES)
    assert (found.p_t, found.p_permutation, found.p_wilcoxon, found.effect_size) == (1, 1, 1, 0)
    assert (found.improvement, found.improvement_all) == (0.5, 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_differences_prove_no_more_than_their_signs(dtype):
    first, second = (np.array(values, dtype) for values in ([0.98, 0.97, 0.96], [0.97, 0.96, 0.95]))
    found = pairs(first, second)
    assert (found.method, found.error, found.p_t, found.p_permutation) == (EQUAL_DIFFERENCES, 0, 0.25, 0.25)
    assert found.low == found.high == found.difference == pytest.approx(0.01, rel=1e-5)
    assert found.effect_size == pytest.approx(1 / math.sqrt(math.pi), rel=1e-4)  # 1 seed sd, corrected for 2 degrees


def test_constant_values_of_unpaired_optimizers_prove_no_more_than_a_permutation_test():
    found = samples([1.0] * 3, [0.9] * 3)
    assert (found.method, found.p_t, found.difference) == (EQUAL_VALUES, pytest.approx(2 / 20), pytest.approx(0.1))
    equal = samples([1.0] * 3, [1.0] * 4)
    assert (equal.p_t, equal.p_permutation, equal.effect_size, equal.improvement_all) == (1, 1, 0, 0.5)


def test_a_constant_side_has_no_correlation():
    found = pairs([1.0, 1.0, 1.0], [0.9, 1.0, 0.95])
    assert (found.correlation, found.sd_first, found.improvement) == (None, 0.0, pytest.approx(2.5 / 3))


def test_a_negative_correlation_widens_the_interval():
    first = [0.90, 0.91, 0.92, 0.93]
    together, opposed = pairs(first, [0.80, 0.82, 0.81, 0.83]), pairs(first, [0.83, 0.81, 0.82, 0.80])
    assert together.correlation == pytest.approx(0.8)
    assert opposed.correlation == pytest.approx(-0.8)
    assert opposed.high - opposed.low > 2 * (together.high - together.low)


def test_the_effect_size_is_hedges_corrected():
    x, y = drawn(5)
    correction = math.gamma(4) / (2 * math.gamma(3.5))  # 8 degrees of freedom
    assert samples(x, y).effect_size == pytest.approx((x - y).mean() / pairs(x, y).sd_seed * correction)
    assert pairs([1.0, 2.0], [0.0, 0.5]).effect_size is None


def test_effect_sizes_of_pairs_are_in_standard_deviations_over_seeds():
    x, y = drawn(5)
    found = pairs(x, y)
    half = 4 / (1 + found.correlation**2)  # half of the degrees of freedom
    correction = math.gamma(half) / (math.sqrt(half) * math.gamma(half - 0.5))
    assert found.effect_size == pytest.approx(found.difference / found.sd_seed * correction)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.86])
def test_effect_sizes_of_pairs_and_of_independent_seeds_are_unbiased(correlation):
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(2_000, 6)), rng.normal(size=(2, 2_000, 6))
    first, second = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
    paired_effects = [pairs(x + 0.8, y).effect_size for x, y in zip(first, second, strict=True)]
    unpaired_effects = [samples(x + 0.8, y).effect_size for x, y in zip(first, second, strict=True)]
    assert np.mean(paired_effects) == pytest.approx(0.8, abs=0.05)
    assert np.mean(unpaired_effects) == pytest.approx(0.8, abs=0.06)


def test_the_interval_is_cut_at_the_largest_possible_difference():
    first, second = {0: 0.9, 1: 0.2}, {0: 0.1, 1: 0.3}
    for of in (paired, unpaired):
        found, free = of(first, second, "max", bounds=FRACTION), of(first, second, "max", bounds=POSITIVE)
        assert found is not None
        assert free is not None
        assert (found.low, found.high) == (-1, 1)
        assert free.low < -1 < 1 < free.high


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_bound_that_a_value_violates_does_not_cut_the_interval(mode):
    first, second = {0: 98.0, 1: 96.0, 2: 97.0}, {0: 96.9, 1: 97.0, 2: 93.0}  # accuracies in percent
    for of in (paired, unpaired):
        found, free = of(first, second, mode, bounds=FRACTION), of(first, second, mode)
        assert found == free
        assert max(abs(free.low), abs(free.high)) > abs(free.difference) > 1


def test_the_interval_of_another_level_is_cut_at_the_same_bounds():
    first, second = {0: 0.9, 1: 0.2, 2: 0.5}, {0: 0.1, 1: 0.3, 2: 0.4}
    found = paired(first, second, "max", bounds=FRACTION)
    assert found.at_level(0.9) == paired(first, second, "max", 0.9, FRACTION)
    assert found.at_level(0.9999).high == 1


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("shape", ["normal", "coarse", "skewed"])
def test_false_positives_of_the_paired_test_are_at_most_as_frequent_as_its_level(n, shape):
    rng, size = np.random.default_rng([n, len(shape)]), (2, 10_000, n)
    draw = {
        "normal": lambda: rng.normal(size=size) + rng.normal(size=(1, 10_000, n)),  # correlation .5
        "coarse": lambda: rng.binomial(300, 0.97, size) / 300,
        "skewed": lambda: rng.lognormal(0, 0.5, size),
    }[shape]
    first, second = draw()
    share = np.mean([pairs(x, y).p_t < 0.05 for x, y in zip(first, second, strict=True)])
    assert share <= 0.055 + 2 * math.sqrt(0.05 * 0.95 / 10_000)
