"""The table of the cost of a tuning sweep."""

from __future__ import annotations

from descentlab.tuning.bill import Cost, planned_trials
from descentlab.tuning.bill_table import bill_lines
from descentlab.tuning.settings import Settings

ADAM = Cost("adam", "digits_mlp", 16, 26, 4, 30420, 31.4, False, 960_000)
SGD = Cost("sgd batch_size=1", "digits_mlp", 16, 26, 0, None, 7300.0, True, 2_500_000_000)


def test_a_row_for_each_arm_and_their_sum():
    lines = list(bill_lines([ADAM, ADAM]))
    assert lines[0].split() == ["arm", "trials", "runs", "reused", "steps", "training", "disk"]
    assert lines[1] == "digits_mlp: adam      16    26       4  30,420       31 s  0.96 MB"
    assert lines[3].split() == ["in", "all", "32", "52", "8", "60,840", "1", "min", "3", "s", "1.9", "MB"]
    assert lines[-1].endswith("steps of each arm were timed on this machine.")


def test_unknown_numbers_and_the_source_of_known_ones():
    lines = list(bill_lines([ADAM, SGD]))
    assert lines[2].split() == [
        "digits_mlp:",
        "sgd",
        "batch_size=1",
        *["16", "26", "0", "?", "2", "h", "1", "min", "2.5", "GB"],
    ]
    assert lines[3].split() == ["in", "all", "32", "52", "4", "?", "2", "h", "2", "min", "2.5", "GB"]
    assert "from earlier runs, and steps of each arm were timed" in lines[-1]
    assert "from earlier runs of each arm" in list(bill_lines([SGD]))[-1]


def test_the_number_of_trials_under_limits_of_cost():
    def settings(**limits):
        return Settings(16, 5, 2, "sobol", 0, None, limits.get("max_steps"), limits.get("max_seconds"))

    assert planned_trials(settings(), 16, 100, 2.0) == 16
    assert planned_trials(settings(max_steps=1000), 16, 100, 2.0) == 5
    assert planned_trials(settings(max_seconds=21), 16, 100, 2.0) == 6
    assert planned_trials(settings(max_steps=1), 16, 100, 2.0) == 4
    assert planned_trials(settings(max_steps=1), 16, None, None) == 16
