"""Time to target, compared with recorded values of lifelines and with identities.

The recorded values are those of lifelines 0.30.3: `KaplanMeierFitter().fit(times, reached)`, its `survival_function_` and
`confidence_interval_`, and `restricted_mean_survival_time(fitter, t)`.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.survival import Times, common_horizon, survival

FIRST = Times([120, 150, 150, 310, 420], [200, 500, 500])
SECOND = Times([90, 110, 140, 160, 240, 330], [300, 500])


def test_curve_and_band_equal_lifelines():
    found = survival(FIRST)
    assert found.times == [120, 150, 310, 420]
    assert found.remaining == pytest.approx([0.875, 0.625, 0.46875, 0.3125])
    expected = [(0.387000014, 0.9813929659), (0.2293333224, 0.8606982769), (0.1199286222, 0.7628556679)]
    assert found.band == [pytest.approx(each) for each in [*expected, (0.0478494747, 0.6407704205)]]
    assert (found.n, found.reached) == (8, 5)


@pytest.mark.parametrize(
    ("times", "horizon", "mean"),
    [(FIRST, 400, 288.4375), (FIRST, 500, 322.8125), (SECOND, 400, 229.375), (SECOND, 500, 248.125)],
)
def test_restricted_mean_equals_lifelines(times, horizon, mean):
    assert survival(times, horizon).mean == pytest.approx(mean)


def test_standard_error_is_greenwoods_formula():
    # areas to the right of 100, 200 and 300 up to 400, with 4, 3 and 1 runs at risk; one run is censored at 250
    found = survival(Times([100, 200, 300], [250]), 400)
    after = [75 + 50 + 0, 50 + 0, 0]
    assert found.standard_error == pytest.approx((after[0] ** 2 / (4 * 3) + after[1] ** 2 / (3 * 2)) ** 0.5)
    assert found.mean == 100 + 75 + 50


@pytest.mark.parametrize("censored", [[], [400], [400, 450, 500]])
def test_interval_without_early_censoring_is_the_t_interval_of_the_restricted_times(censored):
    times = Times([110, 180, 240, 390], censored)
    found = survival(times, 400)
    restricted = [*times.reached, *[400] * len(censored)]
    low, high = stats.t.interval(0.95, len(restricted) - 1, np.mean(restricted), stats.sem(restricted))
    assert found.mean == pytest.approx(np.mean(restricted))
    assert found.mean_limits == pytest.approx((max(low, 0), min(high, 400)))


def test_a_group_that_never_reaches_the_target_has_no_mean():
    found = survival(Times([], [400, 400, 300]))
    assert (found.n, found.reached, found.times, found.remaining) == (3, 0, [], [])
    assert (found.mean, found.mean_limits, found.horizon) == (None, None, 400)


def test_a_target_that_is_reached_only_after_the_horizon_gives_no_mean():
    assert survival(Times([300], [400]), 200).mean is None


def test_without_runs_there_is_no_estimate():
    assert survival(Times([])) is None


def test_equal_times_have_an_interval_of_width_zero():
    found = survival(Times([40, 40, 40]), 100)
    assert (found.mean, found.mean_limits, found.band) == (40, (40, 40), [(0, 1)])


def test_equal_times_next_to_an_earlier_censored_one_have_no_interval():
    found = survival(Times([40, 40], [10]), 100)
    assert (found.mean, found.mean_limits) == (40, None)


def test_one_run_has_no_interval():
    found = survival(Times([40]))
    assert (found.mean, found.mean_limits) == (40, None)


def test_the_common_horizon_is_the_end_of_the_shortest_observation():
    assert common_horizon(Times([10], [400]), Times([90], [300])) == 300
    assert common_horizon(Times([10], [400]), Times([600])) == 400
    assert common_horizon(Times([10, 20]), Times([30])) == 30


def test_a_horizon_beyond_the_observation_is_an_error():
    with pytest.raises(ValueError, match="the horizon 500 exceeds the last observed time, 400"):
        survival(Times([10], [400]), 500)
    assert survival(Times([10, 20], [15]), 500).mean == pytest.approx(10 + 10 * 2 / 3)
