"""Selection of one entry for each optimizer."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.store.record import Status


@pytest.fixture
def answer_of(tmp_path):
    return lambda **how: compare(load([tmp_path / "sweep"]), **how)[0]


def score(valid, test=None):
    return {"best_valid": valid, "test": {"accuracy": valid if test is None else test}}


def test_the_best_settings_on_validation_are_selected_and_ranked_on_test(make_run, answer_of):
    make_run("adam", lr=0.1, summary=score(0.9, 0.7))
    make_run("adam", lr=0.01, summary=score(0.8, 0.99))
    make_run("sgd", lr=0.1, summary=score(0.85, 0.8))
    answer = answer_of()
    assert [(one.name, one.series.settings["optimizer.lr"], one.candidates) for one in answer.entries] == [
        ("sgd", 0.1, 1),
        ("adam", 0.1, 2),
    ]
    assert [one.label for one in answer.series] == ["sgd", "adam lr=0.1", "adam lr=0.01"]


def test_settings_with_a_diverged_seed_are_not_preferred(make_run, answer_of):
    for seed in range(2):
        make_run("adam", lr=0.1, seed=seed, summary=score(0.95), status=Status.DIVERGED if seed else Status.COMPLETED)
        make_run("adam", lr=0.01, seed=seed, summary=score(0.9))
    assert answer_of().best.series.settings["optimizer.lr"] == 0.01


def test_other_settings_that_vary_distinguish_entries(make_run, answer_of):
    for size in (32, 64):
        for lr in (0.1, 0.01):
            make_run("adam", lr=lr, config={"batch_size": size}, summary=score(lr))
    assert [(one.name, one.candidates) for one in answer_of().entries] == [("adam batch_size=32", 2), ("adam batch_size=64", 2)]


def test_keys_of_the_search_space_do_not_distinguish_entries(make_run, answer_of):
    for norm in (None, 1.0):
        make_run("adam", config={"clip": {"norm": norm}, "search": {"clip.norm": [0.1, 10.0]}})
    assert [(one.name, one.candidates) for one in answer_of().entries] == [("adam", 2)]


def test_entries_that_diverged_or_have_no_value_are_last(make_run, answer_of):
    make_run("failed", status=Status.FAILED, summary={"best_valid": None})
    make_run("diverged", status=Status.DIVERGED, summary=score(0.99))
    make_run("undefined", summary={"best_valid": 0.9, "test": {"accuracy": None}})
    for seed, status in enumerate((Status.COMPLETED, Status.DIVERGED)):
        make_run("shaky", seed=seed, status=status, summary=score(0.99))
    make_run("good", summary=score(0.5))
    assert [one.name for one in answer_of().entries] == ["good", "shaky", "undefined", "diverged", "failed"]


def test_a_censored_time_is_a_restricted_mean(make_run, answer_of):
    for seed, steps in enumerate((50, 60, None)):
        make_run("adam", seed=seed, summary={"steps_to_target": steps, "steps": 100})
        make_run("sgd", seed=seed, summary={"steps_to_target": 40 + seed, "steps": 100})
    adam = answer_of(by="steps_to_target").entries[1]
    assert adam.estimate.mean == pytest.approx((50 + 60 + 100) / 3)
    assert (adam.survival.reached, adam.survival.n) == (2, 3)
