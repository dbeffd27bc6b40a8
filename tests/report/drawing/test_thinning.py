"""Thinning of lines."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.report.drawing.thinning import FEWEST_POINTS, MOST_POINTS, kept_rows, points_of_others


@pytest.mark.parametrize("n", [1, 2, 50, 51, 97, 99, 100, 1000, 12_345])
def test_at_most_the_wanted_points_are_kept_with_both_ends_and_extremes(n):
    y = np.random.default_rng(n).standard_normal(n)
    kept = kept_rows(y, 50)
    assert len(kept) <= 50
    assert {0, n - 1, y.argmin(), y.argmax()} <= set(kept)
    assert (np.diff(kept) > 0).all()


def test_a_short_line_is_kept_as_it_is():
    assert kept_rows(np.arange(10.0), 10).tolist() == list(range(10))


def test_lines_have_fewer_points_the_more_there_are():
    points = [points_of_others(lines) for lines in (0, 12, 300, 2000)]
    assert points == sorted(points, reverse=True)
    assert (points[0], points[-1]) == (MOST_POINTS, FEWEST_POINTS)
