"""Selection of the best point of a grid, and its extension at the edge."""

from __future__ import annotations

import pytest

from descentlab.studies.grid import best_point, beyond, extended


def test_the_best_point_has_the_best_mean_over_seeds():
    values = {(0.1,): [1.0, 3.0], (0.2,): [1.9, 1.9], (0.3,): [0.5, 9.0]}
    assert best_point(values, "min") == (0.2,)
    assert best_point(values, "max") == (0.3,)


@pytest.mark.parametrize("bad", [None, float("inf"), float("nan")])
def test_a_point_of_which_a_seed_has_no_value_is_not_selected(bad):
    assert best_point({(1,): [0.0, bad], (2,): [5.0, 5.0]}, "min") == (2,)
    assert best_point({(1,): [0.0, bad]}, "min") is None


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [
        ([0.1, 0.2, 0.4], 0.4, 0.8),
        ([0.4, 0.1, 0.2], 0.1, 0.05),
        ([0.1, 0.2, 0.4], 0.2, None),
        ([0.0, 0.5, 1.0], 1.0, 1.5),
        ([0.0, 0.5, 1.0], 0.0, -0.5),
        ([0.1], 0.1, None),
        (["a", "b"], "a", None),
        ([True, False], True, None),
    ],
)
def test_the_value_beyond_the_edge_continues_the_ratio_or_the_difference(values, best, expected):
    assert beyond(values, best) == expected


def test_only_keys_whose_best_value_is_on_the_edge_are_extended():
    grid = {"lr": [0.1, 1.0], "momentum": [0.0, 0.5, 0.9], "nesterov": [True, False]}
    assert extended(grid, {"lr": 1.0, "momentum": 0.5, "nesterov": True}) == {"lr": [10.0]}
