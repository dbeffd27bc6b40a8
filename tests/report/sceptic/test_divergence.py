"""Divergence rates."""

from __future__ import annotations

from descentlab.store.record import Status


def test_a_reported_run_that_diverged_is_flagged(make_run, flags):
    make_run(seed=0)
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 12})
    (flag,) = flags("divergence")
    assert flag.message.startswith("adam: 1 of 2 reported runs diverged")


def test_an_optimizer_of_which_all_runs_diverged_has_no_result(make_run, flags):
    make_run(status=Status.DIVERGED, summary={"diverged_step": 12, "best_valid": None, "test": {}})
    assert flags("divergence")[0].message == "adam: 1 of 1 reported runs diverged; it has no result."


def test_many_diverged_trials_are_flagged(make_arm, make_sweep, flags):
    diverged = {"status": Status.DIVERGED, "summary": {"best_valid": None, "diverged_step": 3, "test": {}}}
    make_sweep(make_arm("adam", [0.5, 0.9, 0.01], 0.01, more=[diverged, diverged]))
    assert "2 of the 3 runs among which it was selected diverged" in flags("divergence")[0].message


def test_a_few_diverged_trials_are_not_flagged(make_arm, make_sweep, flags):
    diverged = {"status": Status.DIVERGED, "summary": {"best_valid": None, "diverged_step": 3, "test": {}}}
    make_sweep(make_arm("adam", [0.9, 0.02, 0.01], 0.01, more=[diverged]))
    assert flags("divergence") == []
