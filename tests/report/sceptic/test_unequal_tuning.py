"""Optimizers tuned with unequal effort."""

from __future__ import annotations

import pytest

from descentlab.store.record import Status


def test_four_times_the_trials_are_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("muon", [0.01 * k for k in range(1, 9)], 0.02), make_arm("adam", [0.01, 0.02], 0.01))
    (flag,) = flags("unequal_tuning")
    assert flag.subject == "muon"
    assert "muon was selected among 8 settings, adam among 2" in flag.message


@pytest.mark.parametrize("few", [1, 2, 4, 8])
def test_four_times_the_trials_are_always_flagged(make_arm, make_sweep, flags, few):
    rates = [0.01 * (index + 1) for index in range(4 * few)]
    make_sweep(make_arm("muon", rates, 0.01), make_arm("adam", rates[:few], 0.01))
    assert flags("unequal_tuning") or flags("untuned_baseline")


def test_as_many_trials_are_not_flagged(make_arm, make_sweep, flags):
    make_sweep(make_arm("muon", [0.01, 0.02], 0.02), make_arm("adam", [0.01, 0.02], 0.01))
    assert flags("unequal_tuning") == []


def test_unequal_grids_are_flagged(make_run, flags):
    for lr in (0.1, 0.2, 0.3):
        make_run("adam", lr=lr)
    for lr in (0.1, 0.2):
        make_run("sgd", lr=lr)
    assert "adam was selected among 3 settings, sgd among 2" in flags("unequal_tuning")[0].message


def test_twice_the_gradient_evaluations_for_as_many_settings_are_flagged(make_run, flags):
    for optimizer, evaluations in {"sam": 400, "sgd": 200}.items():
        make_run(optimizer, summary={"steps": 200, "gradient_evaluations": evaluations})
    (flag,) = flags("unequal_tuning")
    assert flag.subject == "sam"
    assert "400 gradient evaluations, 2.0 times those of sgd (200)" in flag.message


def test_slightly_more_gradient_evaluations_are_not_flagged(make_run, flags):
    for optimizer, evaluations in {"adam": 220, "sgd": 200}.items():
        make_run(optimizer, summary={"steps": evaluations, "gradient_evaluations": evaluations})
    assert flags("unequal_tuning") == []


def test_the_evaluations_of_an_optimizer_whose_runs_all_diverged_are_not_compared(make_run, flags):
    make_run("adam", summary={"steps": 2000, "gradient_evaluations": 2000})
    diverged = {"steps": 3, "gradient_evaluations": 3, "diverged_step": 3, "test": {}, "best_valid": None}
    make_run("sgd", status=Status.DIVERGED, summary=diverged)
    assert flags("unequal_tuning") == []
