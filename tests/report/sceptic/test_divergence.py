"""Divergence rates."""

from __future__ import annotations

from descentlab.store.record import Status


def test_a_reported_run_that_diverged_is_flagged(make_run, flags):
    make_run(seed=0)
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 12})
    (flag,) = flags("divergence")
    mean = "its mean is over the 1 completed run, the favourable seeds"
    assert flag.message == f"1 of 2 reported runs of adam diverged: {mean}."


def test_a_diverged_and_a_crashed_run_leave_no_result(make_run, flags):
    make_run(seed=0, status=Status.CRASHED, summary={"best_valid": None, "test": {}})
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 12})
    assert flags("divergence")[0].message == "1 of 2 reported runs of adam diverged: it has no result."


def test_an_optimizer_of_which_all_runs_diverged_has_no_result(make_run, flags):
    make_run(status=Status.DIVERGED, summary={"diverged_step": 12, "best_valid": None, "test": {}})
    assert flags("divergence")[0].message == "The only reported run of adam diverged: it has no result."


def test_many_diverged_trials_are_flagged(make_arm, make_sweep, flags):
    diverged = {"status": Status.DIVERGED, "summary": {"best_valid": None, "diverged_step": 3, "test": {}}}
    make_sweep(make_arm("adam", [0.5, 0.9, 0.01], 0.01, more=[diverged, diverged]))
    message = "2 of the 3 runs that selected the settings of adam diverged: most of the search had no effect."
    assert flags("divergence")[0].message == message


def test_half_of_the_trials_diverged(make_arm, make_sweep, flags):
    diverged = {"status": Status.DIVERGED, "summary": {"best_valid": None, "diverged_step": 3, "test": {}}}
    make_sweep(make_arm("adam", [0.9, 0.01], 0.01, more=[diverged]))
    message = "1 of the 2 runs that selected the settings of adam diverged: half of the search had no effect."
    assert flags("divergence")[0].message == message


def test_a_few_diverged_trials_are_not_flagged(make_arm, make_sweep, flags):
    diverged = {"status": Status.DIVERGED, "summary": {"best_valid": None, "diverged_step": 3, "test": {}}}
    make_sweep(make_arm("adam", [0.9, 0.02, 0.01], 0.01, more=[diverged]))
    assert flags("divergence") == []
