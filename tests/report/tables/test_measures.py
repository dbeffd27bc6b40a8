"""The format of numbers."""

from __future__ import annotations

import pytest

from descentlab.report.statistics.estimate import Estimate
from descentlab.report.tables.measures import format_count, format_estimate, format_number, format_seconds


@pytest.mark.parametrize(
    ("estimate", "format", "expected"),
    [
        (Estimate(0.97331, None, 1), format_number, "0.9733"),
        (Estimate(0.0000123, None, 1), format_number, "1.23e-05"),
        (Estimate(0.97331, 0.0041, 3), format_number, "0.9733 ± 0.0041"),
        (Estimate(0.97331, 0.01, 3), format_number, "0.973 ± 0.010"),
        (Estimate(1.2e-9, 3.4e-10, 3), format_number, "1.2e-09 ± 3.4e-10"),
        (Estimate(0.5, 0.0, 3), format_number, "0.5 ± 0"),
        (Estimate(1234.4, 56.2, 3), format_count, "1,234 ± 56"),
        (Estimate(3.14, None, 1), format_seconds, "3.1"),
        (Estimate(125.2, None, 1), format_seconds, "125"),
    ],
)
def test_digits_follow_the_interval(estimate, format, expected):
    assert format_estimate(estimate, format) == expected
