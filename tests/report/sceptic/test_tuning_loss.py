"""Selected settings that are worse than the default settings."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.fixture
def tuned(make_arm, make_run, make_sweep):
    """Write a tuned sweep whose default settings have these test accuracies; those of the selected ones are about 0.9."""

    def write(*accuracies):
        arm = make_arm("adam", [0.03, 0.1], 0.1, seeds=range(len(accuracies)))
        for seed, accuracy in enumerate(accuracies):
            result = {"best_valid": 0.8, "test": {"accuracy": accuracy}, "steps": 100, "gradient_evaluations": 100}
            make_run("adam", lr=0.001, seed=seed, id=f"default{seed}", summary=result)
        make_sweep(replace(arm, default=[f"default{seed}" for seed in range(len(accuracies))]))

    return write


def test_default_settings_that_are_better_than_the_selected_ones_are_flagged(tuned, flags):
    tuned(0.95, 0.952, 0.954)
    (flag,) = flags("tuning_loss")
    assert flag.subject == "adam"
    assert "adam: the default settings reach 0.952" in flag.message
    assert "better than the selected ones with 0.901" in flag.message


def test_default_settings_that_are_worse_or_about_equal_are_not_flagged(tuned, flags):
    tuned(0.85, 0.853, 0.854)
    assert flags("tuning_loss") == []


def test_a_difference_within_the_spread_over_seeds_is_not_flagged(tuned, flags):
    tuned(0.98, 0.88, 0.9)
    assert flags("tuning_loss") == []
