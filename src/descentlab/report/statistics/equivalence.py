"""Conclusions from a difference: better, worse, practically equal or undecided; and the number of seeds that would decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import nctdtr, stdtr, stdtrit

from descentlab.report.statistics.difference import Difference, Unpaired
from descentlab.report.statistics.paired import constant_p

MARGIN = 0.5  # default margin of equivalence, in standard deviations over seeds
POWER = 0.8  # probability with which the needed number of pairs decides
MOST = 10_000  # pairs; larger numbers are not computed
LARGEST_SHIFT = 1e6  # of a noncentral t distribution, where its distribution function is 0 for all t that occur


class Kind(StrEnum):
    """The kinds of conclusions about the first of two optimizers."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Conclusion:
    """The conclusion from a difference between two optimizers.

    Args:
        kind: of the first optimizer, compared with the second.
        margin: differences below it are practically zero, in the unit of the metric.
        level: confidence level of all comparisons together.
        comparisons: the number m of comparisons for which the conclusion is corrected.
        p: two-sided p-value of a difference of zero, corrected for several comparisons.
        p_equal: p-value of a difference that is as large as the margin, from two one-sided tests; not corrected.
        power: the probability that as many seeds find a true difference of one standard deviation over seeds at the level of
            one of m comparisons, given the observed standard deviations; None if no seed differs from another. It is an
            estimate: with 5 pairs and m = 1 its mean is .27, .45, .77 where the true power is .23, .40, .88 (correlations of
            0, .5, .86).
        needed: if undecided, the number of pairs (of seeds per optimizer, if unpaired) that would decide with a probability of
            .8 if the true difference is the observed one; None if it is larger than 10,000, or if the kind is not UNDECIDED.
        needed_for: the kind that `needed` pairs would conclude; None if `needed` is.
    """

    kind: Kind
    margin: float
    level: float
    comparisons: int
    p: float
    p_equal: float
    power: float | None
    needed: int | None = None
    needed_for: Kind | None = None

    @property
    def level_equal(self) -> float:
        """The confidence level of the interval that lies within +- margin if the kind is EQUAL: 1 - 2 (1 - level) / m."""
        return 1 - 2 * (1 - self.level) / self.comparisons


def level_of_one(comparisons: int, level: float = 0.95) -> float:
    """Return the confidence level of each of m comparisons that together have the confidence `level`: 1 - (1 - level) / m.

    Source: Bonferroni's inequality (Dunn, Multiple comparisons among means, JASA 1961).
    """
    return 1 - (1 - level) / max(comparisons, 1)


def default_margin(difference: Difference) -> float:
    """Return the default margin of equivalence: half a standard deviation over seeds, pooled over both optimizers.

    Below it, another seed changes the result more than the other optimizer does: a run of the better one beats a run of
    the other with a probability of at most P = ndtr(.5 / sqrt(2)) = .64, less than the .75 from which Bouthillier et al.
    (Accounting for variance in machine learning benchmarks, MLSys 2021, section 5) call an improvement meaningful. It is
    Cohen's medium effect (Statistical power analysis, 1988), has the unit of the metric and suits every metric.

    A fixed margin in the unit of the metric is better where one is known. This one is estimated from the same seeds, so that
    optimizers that differ by exactly half a standard deviation are called equal in up to 9 % of the cases (n = 10, correlation
    .86; 4 % or less for uncorrelated runs), rather than in 5 %; those that differ by one, in less than 1 %.
    """
    return MARGIN * difference.sd_seed


def conclude(
    difference: Difference,
    margin: float | None = None,
    level: float = 0.95,
    p_adjusted: float | None = None,
    comparisons: int = 1,
) -> Conclusion:
    """Return the conclusion from a paired or unpaired difference.

    EQUAL if two one-sided t-tests reject, each at a = (1 - level) / comparisons, that the difference is at least as large as
    the margin: in other words if the interval of level 1 - 2 a lies within +- margin (Schuirmann, Journal of Pharmacokinetics
    and Biopharmaceutics 1987). This takes precedence: a difference may differ from zero and still be practically zero. Else
    BETTER or WORSE if p < 1 - level, with p corrected; else UNDECIDED.

    Over all comparisons, the probability of any false BETTER or WORSE is at most 1 - level (Holm's method), and so is that of
    any false EQUAL (Bonferroni's). `power` and `needed` are those of a test at the level a; Holm's is never lower.

    Args:
        difference: of the first optimizer to the second.
        margin: in the unit of the metric, >= 0; None: `default_margin`.
        level: confidence level of all comparisons together.
        p_adjusted: p-value of the difference, corrected for several comparisons (`multiple.holm`); None: its own p_t times
            the number of comparisons.
        comparisons: the number of comparisons, see `multiple.holm`.

    Raises:
        ValueError: if the margin is negative or not a number.
    """
    margin = default_margin(difference) if margin is None else margin
    if not margin >= 0:
        raise ValueError(f"a margin is at least 0, got {margin}")
    p = min(1.0, difference.p_t * comparisons) if p_adjusted is None else p_adjusted
    p_equal, own = equivalence_p(difference, margin), level_of_one(comparisons, level)
    if p_equal < _alpha(own):
        kind = Kind.EQUAL
    elif p < _alpha(level):
        kind = Kind.BETTER if difference.difference > 0 else Kind.WORSE
    else:
        kind = Kind.UNDECIDED
    needed, needed_for = _needed(difference, margin, own) if kind is Kind.UNDECIDED else (None, None)
    return Conclusion(kind, margin, level, comparisons, p, p_equal, _power_of_one_sd(difference, own), needed, needed_for)


def equivalence_p(difference: Difference, margin: float) -> float:
    """Return the p-value of two one-sided tests that |difference| >= margin: the larger of both.

    Without a standard error there is no t. Then it is `constant_equivalence_p` for a difference of 0 or below the margin, which
    is not certain for a few seeds of a coarse metric, and 1 for another difference.
    """
    size = abs(difference.difference)
    if not difference.error:
        sizes = (difference.n_first, difference.n_second) if isinstance(difference, Unpaired) else (difference.n,)
        return constant_equivalence_p(*sizes) if size < margin or size == 0 else 1.0
    return float(stdtr(difference.degrees, (size - margin) / difference.error))


def constant_equivalence_p(n: int, m: int | None = None) -> float:
    """Return the p-value of an exact one-sided test if all `n` differences have one value within the margin: 2^-n.

    It is that of the sign test: each difference would be beyond the margin with a probability of at least one half. With `m`:
    if all `n` values of one optimizer and all `m` of the other are equal; it is half of the permutation test's p,
    1 / binomial(n + m, n). So 5 pairs, or 4 seeds each, are needed for p < .05.
    """
    return constant_p(n, m) / 2


def power(
    difference: float, sd: float, n: int, correlation: float | None = None, level: float = 0.95, groups: int = 1
) -> float:
    """Return the probability that a two-sided t-test of `n` pairs finds a true difference.

    It is P(|T| > t), T of the noncentral t distribution with n - 1 degrees of freedom and the noncentrality
    difference sqrt(n) / sd. Source: Cohen, Statistical power analysis for the behavioral sciences (1988), chapter 2. For a
    difference of one standard deviation over seeds, 5 pairs and correlations of 0, .5, .86 it is .23, .40, .88.

    Args:
        difference: the true difference.
        sd: standard deviation of the differences; or, if `correlation` is given, that over seeds of each optimizer, from
            which that of the differences is sd sqrt(2 (1 - correlation)).
        n: number of pairs, >= 2; per optimizer, if there are two groups.
        correlation: of paired runs.
        level: confidence level of the test.
        groups: 2 for unpaired seeds, with 2 (n - 1) degrees of freedom; `sd` is then the root of the sum of both variances.
    """
    sd = sd if correlation is None else sd * math.sqrt(max(0.0, 2 * (1 - correlation)))
    if difference == 0:
        return 1 - level
    if sd == 0:
        return 1.0
    degrees = groups * (n - 1)
    t, shift = float(stdtrit(degrees, (1 + level) / 2)), abs(difference) / sd * math.sqrt(n)
    return 1 - _noncentral_t(degrees, shift, t) + _noncentral_t(degrees, shift, -t)


def equivalence_power(difference: float, sd: float, margin: float, n: int, level: float = 0.95, groups: int = 1) -> float:
    """Return the probability that `n` pairs conclude EQUAL if |difference| < margin; see `power` for the arguments.

    P = F(-t; (d - margin) / e) - F(t; (d + margin) / e), at least 0, where e = sd / sqrt(n), t is the `level` quantile
    and F(.; shift) the noncentral t distribution. Source: Phillips (Journal of Pharmacokinetics and Biopharmaceutics
    1990), the approximation of R's PowerTOST.
    """
    size = abs(difference)
    if sd == 0:
        return float(size < margin)
    degrees, error = groups * (n - 1), sd / math.sqrt(n)
    t = float(stdtrit(degrees, level))
    return max(0.0, 1 - _noncentral_t(degrees, (margin - size) / error, t) - _noncentral_t(degrees, (size + margin) / error, t))


def needed_pairs(sd: float, difference: float, chance: float = POWER, level: float = 0.95, groups: int = 1) -> int | None:
    """Return the number of pairs that find a true difference with a probability of at least `chance`; see `power`.

    Returns:
        None if it is larger than 10,000, as for a difference of 0.
    """
    return _fewest(lambda n: power(difference, sd, n, level=level, groups=groups), chance)


def needed_for_equality(
    sd: float, margin: float, difference: float = 0.0, chance: float = POWER, level: float = 0.95, groups: int = 1
) -> int | None:
    """Return the number of pairs that conclude EQUAL with a probability of at least `chance`; see `equivalence_power`.

    Returns:
        None if it is larger than 10,000, or if |difference| >= margin.
    """
    if abs(difference) >= margin:
        return None
    return _fewest(lambda n: equivalence_power(difference, sd, margin, n, level, groups), chance)


def _fewest(chance_of: Callable[[int], float], chance: float) -> int | None:
    """Return the least n from 2 to MOST for which `chance_of`, which increases, is at least `chance`."""
    if chance_of(MOST) < chance:
        return None
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_of(middle) >= chance else (middle, high)
    return high


def _alpha(level: float) -> float:
    """Return 1 - level without its rounding error: a p-value of exactly .05 is not below it."""
    return round(1 - level, 12)


def _needed(difference: Difference, margin: float, level: float) -> tuple[int | None, Kind | None]:
    """Return the smaller of the numbers of pairs that would show a difference, or equality, and what they would show."""
    size, groups = abs(difference.difference), 2 if isinstance(difference, Unpaired) else 1
    other = Kind.BETTER if difference.difference > 0 else Kind.WORSE
    if not difference.sd:  # a constant difference, see Difference.p_t: as many as a test without t needs
        kind, p = (Kind.EQUAL, constant_equivalence_p) if size < margin or size == 0 else (other, constant_p)
        enough = _fewest(lambda n: float(p(n, n if groups == 2 else None) < _alpha(level)), 1.0)
        return max(enough or MOST, difference.n + 1), kind
    options = (
        (needed_pairs(difference.sd, size, level=level, groups=groups), other),
        (needed_for_equality(difference.sd, margin, size, level=level, groups=groups), Kind.EQUAL),
    )
    found = [(max(n, difference.n + 1), kind) for n, kind in options if n is not None]
    return min(found, default=(None, None), key=lambda option: option[0] or 0)


def _power_of_one_sd(difference: Difference, level: float) -> float | None:
    """Return the power for a difference of one pooled standard deviation over seeds, or None if that is 0."""
    if not difference.sd_seed:
        return None
    groups = 2 if isinstance(difference, Unpaired) else 1
    return power(difference.sd_seed, difference.sd, difference.n, level=level, groups=groups)


def _noncentral_t(degrees: float, shift: float, t: float) -> float:
    """Return the distribution function at `t` of the noncentral t distribution with the noncentrality `shift`."""
    found = float(nctdtr(degrees, min(shift, LARGEST_SHIFT), t))
    return 0.0 if math.isnan(found) else min(max(found, 0.0), 1.0)  # NaN where it is below 1e-15
