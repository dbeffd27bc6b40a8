"""A mean difference between two optimizers, over shared seeds or between separate ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from scipy.special import stdtrit

EQUAL_DIFFERENCES, EQUAL_VALUES = "all differences are equal", "all values of each are equal"


@dataclass(frozen=True)
class Difference:
    """A mean difference between two optimizers; positive where the first is better, whether the metric is maximized or not.

    Args:
        n: the number of pairs, or of values of the smaller side if unpaired.
        difference: the mean difference, in the unit of the metric.
        low: lower end of its t-interval.
        high: upper end of its t-interval.
        level: confidence level of the interval.
        largest: the largest difference that two values in the range of the metric can have, at which the interval is cut;
            infinite if the range has no two ends.
        error: standard error of `difference`; 0 if all differences (or all values of each side) are equal.
        degrees: degrees of freedom of the t distribution.
        sd: `error` times sqrt(n) for pairs, which is the standard deviation of the differences; for unpaired values the
            root of the sum of both variances.
        sd_first: standard deviation over seeds of the first optimizer.
        sd_second: standard deviation over seeds of the second one.
        method: the test in words: "paired t", "Welch's t", or EQUAL_DIFFERENCES or EQUAL_VALUES if `error` is 0.
        p_t: two-sided p-value of that test. If `error` is 0 there is no t: then it is 1 for a difference of 0, and otherwise
            `paired.constant_p`, so that 2 or 3 seeds of a coarse metric that happen to differ by the same amount prove nothing.
        p_permutation: that of the permutation test of the mean (paired), or of Mann and Whitney's test (unpaired).
        effect_size: the difference in standard deviations over seeds, pooled over both optimizers and corrected for its bias
            (Hedges' g); None if undefined. For pairs the unit is the same, and not the standard deviation of the differences,
            so that effects of paired and unpaired comparisons can be compared.
        improvement_all: probability that a run of the first is better than a run of the second, over all pairs of runs.
    """

    n: int
    difference: float
    low: float
    high: float
    level: float
    largest: float
    error: float
    degrees: float
    sd: float
    sd_first: float
    sd_second: float
    method: str
    p_t: float
    p_permutation: float
    effect_size: float | None
    improvement_all: float

    @property
    def sd_seed(self) -> float:
        """The standard deviation over seeds, pooled over both optimizers: the root of the mean of both variances."""
        return math.sqrt((self.sd_first**2 + self.sd_second**2) / 2)

    def at_level(self, level: float) -> Self:
        """Return the difference with the interval of another confidence level."""
        low, high = t_interval(self.difference, self.error, self.degrees, self.largest, level)
        return replace(self, low=low, high=high, level=level)


def t_interval(difference: float, error: float, degrees: float, largest: float, level: float) -> tuple[float, float]:
    """Return the ends of difference +- t error, within +- largest; t the (1 + level) / 2 quantile of Student's t."""
    half_width = float(stdtrit(degrees, (1 + level) / 2)) * error
    return max(difference - half_width, -largest), min(difference + half_width, largest)


@dataclass(frozen=True)
class Paired(Difference):
    """A difference over shared seeds. Both runs of a pair start from the same weights and see the same batches.

    Args:
        correlation: Pearson's correlation over seeds; None if one side does not vary, or for 2 pairs.
        p_attainable: the least value that `p_permutation` can have with n pairs.
        p_wilcoxon: two-sided p-value of Wilcoxon's signed-rank test.
        improvement: fraction of the pairs in which the first is better; ties count one half.
    """

    correlation: float | None
    p_attainable: float
    p_wilcoxon: float
    improvement: float


@dataclass(frozen=True)
class Unpaired(Difference):
    """A difference between optimizers without shared seeds.

    Args:
        n_first: number of values of the first.
        n_second: number of values of the second.
    """

    n_first: int
    n_second: int
