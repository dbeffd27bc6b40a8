"""Seeds that select and report."""

from __future__ import annotations


def test_a_grid_selects_and_reports_on_the_same_seeds(make_run, flags):
    for lr in (0.1, 0.2):
        make_run(lr=lr)
    (flag,) = flags("selection_seeds")
    assert "adam was selected among 2 settings by the runs that also report" in flag.message


def test_a_single_setting_was_not_selected(make_run, flags):
    make_run("adam")
    make_run("sgd")
    assert flags("selection_seeds") == []


def test_tuning_seeds_that_also_report_are_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.01, 0.02], 0.02, tuning_seed=1), make_arm("sgd", [0.01, 0.02], 0.02))
    (flag,) = flags("selection_seeds")
    assert flag.subject == "adam"


def test_fresh_report_seeds_are_not_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.01, 0.02], 0.02), make_arm("sgd", [0.01, 0.02], 0.02))
    assert flags("selection_seeds") == []


def test_a_tuning_without_report_runs_is_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.01, 0.02], 0.02, seeds=()))
    assert len(flags("selection_seeds")) == 1
