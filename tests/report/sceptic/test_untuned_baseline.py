"""Entries at their default settings next to tuned ones."""

from __future__ import annotations


def test_a_baseline_with_one_setting_next_to_a_tuned_optimizer_is_flagged(make_run, flags):
    for lr in (0.1, 0.2, 0.3):
        make_run("mine", lr=lr)
    make_run("adam")
    (flag,) = flags("untuned_baseline")
    assert flag.subject == "adam"
    assert "adam was trained with one setting, but mine was selected among 3 settings" in flag.message


def test_optimizers_that_were_all_tuned_are_not_flagged(make_run, flags):
    for optimizer in ("mine", "adam"):
        for lr in (0.1, 0.2):
            make_run(optimizer, lr=lr)
    assert flags("untuned_baseline") == []


def test_optimizers_that_were_all_at_their_defaults_are_not_flagged(make_run, flags):
    make_run("mine")
    make_run("adam")
    assert flags("untuned_baseline") == []
