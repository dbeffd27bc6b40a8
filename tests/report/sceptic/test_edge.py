"""Selected values on the edge of the range."""

from __future__ import annotations

from dataclasses import replace

import pytest

from descentlab.report.answer import Entry
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.sceptic.edge import is_extreme, is_near_end, is_on_edge
from descentlab.report.tuned_ranges import Range, bounds, ranges
from descentlab.store.record import Status


def grid(make_run, values, **statuses):
    """Write a run of each learning rate with its best validation value."""
    for lr, best in values.items():
        status = statuses.get(f"at_{lr:g}".replace(".", "_"), Status.COMPLETED)
        make_run(lr=lr, summary={"best_valid": best}, status=status)


def test_a_best_rate_at_the_upper_end_of_a_grid_is_flagged_with_a_wider_range(make_run, flags):
    grid(make_run, {0.001: 0.5, 0.01: 0.7, 0.1: 0.9})
    (flag,) = flags("edge")
    assert flag.subject == "adam"
    assert "lr=0.1 is at the highest end of the range (0.001 to 0.1)" in flag.message
    assert "extend the range to 1" in flag.message


def test_a_best_rate_at_the_lower_end_of_a_grid_is_flagged(make_run, flags):
    grid(make_run, {0.001: 0.9, 0.01: 0.7, 0.1: 0.5})
    (flag,) = flags("edge")
    assert "lowest end" in flag.message
    assert "extend the range to 0.0001" in flag.message


def test_a_best_rate_inside_of_a_grid_is_not_flagged(make_run, flags):
    grid(make_run, {0.001: 0.5, 0.01: 0.9, 0.1: 0.7})
    assert flags("edge") == []


def test_a_rate_next_to_one_that_diverged_is_not_on_the_edge(make_run, flags):
    grid(make_run, {0.001: 0.5, 0.01: 0.9, 0.1: 0.1}, at_0_1=Status.DIVERGED)
    assert flags("edge") == []


def test_a_selected_trial_at_the_end_of_the_search_range_is_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.002, 0.03, 0.9], 0.9), make_arm("sgd", [0.002, 0.03, 0.9], 0.03))
    (flag,) = flags("edge")
    assert (flag.subject, "extend the range to 10" in flag.message) == ("adam", True)


def test_a_selected_trial_above_all_others_but_within_the_range_calls_for_more_trials(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.002, 0.03, 0.3], 0.3), make_arm("sgd", [0.002, 0.03, 0.9], 0.03))
    (flag,) = flags("edge")
    assert flag.message == (
        "adam: the selected lr=0.3 is the highest of the 3 values tried, and the range ends at 1: train more trials."
    )


def test_a_value_near_the_end_of_the_range_is_on_the_edge():
    near = Range("optimizer.lr", 0.09, [0.001, 0.09, 0.095], 1e-3, 0.1, True)
    assert is_near_end(near, "high")
    assert not is_extreme(near, "high")
    assert not is_near_end(near, "low")


@pytest.mark.parametrize(
    ("low", "high", "is_log", "side", "expected"),
    [
        (1e-3, 0.1, True, "high", 1.0),
        (1e-3, 0.1, True, "low", 1e-4),
        (0.0, 0.2, False, "high", 0.3),
        (0.0, 0.2, False, "low", None),
        (0.8, 0.95, False, "high", None),
    ],
)
def test_wider_ranges_stay_on_their_side_of_zero_and_momenta_below_one(low, high, is_log, side, expected):
    assert Range("key", low, [low, high], low, high, is_log).step_beyond(side) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["lr", "optimizer.lr"])
def test_a_search_space_may_name_a_hyperparameter_without_its_node(make_arm, make_sweep, tmp_path, name):
    arm = make_arm("adam", [0.01, 0.02], 0.02)
    make_sweep(replace(arm, space={name: [1e-3, 1.0]}))
    (answer,) = compare(load([tmp_path / "sweep"]))
    assert [(found.key, found.selected, found.low) for found in ranges(answer.best)] == [("optimizer.lr", 0.02, 1e-3)]


def test_search_ranges_are_logarithmic_unless_they_specify_a_scale():
    assert bounds([1e-3, 1]) == (1e-3, 1.0, True)
    assert bounds({"low": 0, "high": 2, "scale": "linear"}) == (0.0, 2.0, False)
    assert bounds({"choices": [1, 2]}) is None


def test_settings_that_are_not_numbers_have_no_range(make_run, tmp_path):
    for nesterov in (True, False):
        make_run(config={"optimizer": {"lr": 0.1, "nesterov": nesterov}})
    series = load([tmp_path / "sweep"]).series
    assert ranges(Entry("adam", series[0], None, None, 2, None, series)) == []


@pytest.mark.parametrize(("key", "values"), [("momentum", (0.0, 0.5, 0.9)), ("weight_decay", (0, 0.01, 0.1))])
def test_the_end_of_the_allowed_values_is_not_an_edge(make_run, flags, key, values):
    for value in values:
        make_run(config={"optimizer": {"lr": 0.1, key: value}}, summary={"best_valid": 0.9 - value})
    assert flags("edge") == []


def test_the_other_end_of_a_range_from_0_is_an_edge(make_run, flags):
    for value in (0.0, 0.5, 0.9):
        make_run(config={"optimizer": {"lr": 0.1, "momentum": value}}, summary={"best_valid": value})
    (flag,) = flags("edge")
    assert "momentum=0.9 is at the highest end of the range" in flag.message


def test_a_value_near_the_end_of_the_allowed_values_is_not_on_the_edge():
    found = Range("optimizer.dampening", 0.97, [0.0, 0.5, 0.97, 0.98], 0.0, 1.0, False)
    assert not is_on_edge(found, "high")
    assert is_on_edge(replace(found, high=0.99), "high")
    extreme = Range("optimizer.dampening", 0.2, [0.2, 0.5], 0.0, 1.0, False)
    assert is_on_edge(extreme, "low")  # lower values are allowed and were not tried


def test_a_linear_grid_of_rates_is_not_extended_to_zero(make_run, flags):
    for lr, value in ((0.1, 0.9), (0.2, 0.8), (0.3, 0.7)):
        make_run(lr=lr, summary={"best_valid": value})
    (flag,) = flags("edge")
    assert flag.message.endswith("extend the range on the low side.")
