"""The format of numbers."""

from __future__ import annotations

import pytest

from descentlab.report.formats import (
    format_count,
    format_duration,
    format_estimate,
    format_fixed,
    format_number,
    format_p,
    format_range,
    format_seconds,
)
from descentlab.report.statistics.estimate import Estimate
from descentlab.report.statistics.interval import EQUAL


@pytest.mark.parametrize(
    ("estimate", "format", "expected"),
    [
        (Estimate(0.97331, 1), format_number, "0.9733"),
        (Estimate(0.0000123, 1), format_number, "1.23e-05"),
        (Estimate(0.97331, 3, 0.96921, 0.97741, "t"), format_number, "0.973 [0.969, 0.977]"),
        (Estimate(0.97331, 3, 0.95331, 0.99331, "t"), format_number, "0.973 [0.953, 0.993]"),
        (Estimate(1.2e-9, 3, 0.8e-9, 1.6e-9, "t"), format_number, "1.2e-09 [8e-10, 1.6e-09]"),
        (Estimate(0.5, 3, 0.5, 0.5, EQUAL), format_number, "0.5 (equal in all 3)"),
        (Estimate(1234.4, 3, 1178.2, 1290.6, "t"), format_count, "1,234 [1,178, 1,291]"),
        (Estimate(3.14, 1), format_seconds, "3.1"),
        (Estimate(125.2, 1), format_seconds, "125"),
    ],
)
def test_an_estimate_shows_its_interval_or_that_values_are_equal(estimate, format, expected):
    assert format_estimate(estimate, format) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.02, 0.001, 0.4], ["0.020", "0.001", "0.400"]),  # the nearer end decides
        ([0.9995, 0.991, 0.99997], ["0.9995", "0.9910", "1.0000"]),
        ([-0.0000001, -0.01, 0.01], ["0", "-0.010", "0.010"]),
        ([1500.0, 1200.0, 1800.0], ["1,500", "1,200", "1,800"]),
        ([-0.0010, -0.00205, 0.00004], ["-0.0010", "-0.0021", "0"]),
        ([0.25, 0.25, 0.25], ["0.2500", "0.2500", "0.2500"]),
    ],
)
def test_a_value_and_its_interval_have_the_same_decimals(values, expected):
    assert format_range(values) == expected


def test_a_number_that_rounds_to_zero_has_neither_sign_nor_decimals():
    assert [format_fixed(value, 2) for value in (0.0, -0.0, 0.004, -0.004, -0.54)] == ["0", "0", "0", "0", "-0.54"]
    assert format_number(-0.0) == "0"


def test_p_values_and_durations_have_a_relation_or_a_unit():
    assert [format_p(p) for p in (0.0123, 1.0, 3e-7)] == ["p = 0.012", "p = 1", "p < 0.0001"]
    assert [format_duration(each) for each in (4.26, 119, 192, 2460, 11520)] == ["4.3 s", "119 s", "3.2 min", "41 min", "3.2 h"]
