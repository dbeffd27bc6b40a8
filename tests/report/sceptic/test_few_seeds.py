"""Too few seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.sceptic.few_seeds import find

VALUES = {"adam": (0.90, 0.92, 0.91, 0.93), "sgd": (0.89, 0.925, 0.90, 0.928)}


def test_a_single_seed_is_flagged(make_run, flags):
    make_run("adam")
    make_run("sgd")
    (flag,) = flags("few_seeds")
    assert "a single completed run of adam and sgd" in flag.message
    assert "'seed=range(5)'" in flag.message


def test_a_single_run_on_a_test_function_is_not_flagged(make_run, flags):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, config={"data": {"_target_": "descentlab.data.gaussian.Gaussian", "deviation": 0.0}})
    assert flags("few_seeds") == []


def test_a_single_report_seed_of_a_tuned_sweep_is_flagged_with_the_key_of_the_tuner(make_arm, make_sweep, flags):
    make_sweep(make_arm("adam", [0.01, 0.02], 0.02, seeds=[0]), make_arm("sgd", [0.01, 0.02], 0.02, seeds=[0]))
    assert "train more with seeds=5" in flags("few_seeds")[0].message


@pytest.fixture
def undecided(make_run, tmp_path):
    """Return an answer whose difference is smaller than its error."""
    for optimizer, values in VALUES.items():
        for seed, value in enumerate(values):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value}})
    (answer,) = compare(load([tmp_path / "sweep"]))
    return answer


def test_an_undecided_pair_is_flagged_with_the_seeds_that_would_do(undecided):
    (pair,) = undecided.pairs
    needed = pair.conclusion.needed
    (flag,) = find(undecided)
    assert pair.conclusion.kind == "undecided"
    assert flag.message == (
        f"Too few seeds to tell adam from sgd with n = 4: about {needed} seeds would do ('seed=range({needed})')."
    )
    assert flag.subject == "sgd"


def test_a_pair_that_no_number_of_seeds_would_decide_is_flagged(undecided):
    (pair,) = undecided.pairs
    hopeless = replace(pair, conclusion=replace(pair.conclusion, needed=None))
    (flag,) = find(replace(undecided, pairs=[hopeless]))
    assert "more than 10,000 seeds" in flag.message


def test_several_undecided_pairs_have_a_number_each_and_the_override_of_the_hardest(make_run, tmp_path):
    for optimizer, values in (VALUES | {"muon": (0.888, 0.924, 0.899, 0.922)}).items():
        for seed, value in enumerate(values):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value}})
    (answer,) = compare(load([tmp_path / "sweep"]))
    needed = {pair.other.name: pair.conclusion.needed for pair in answer.pairs}
    (hardest, most), (easiest, fewest) = sorted(needed.items(), key=lambda item: -item[1])
    (flag,) = find(answer)
    assert most > fewest
    assert flag.message == (
        f"Too few seeds to tell adam from {hardest} and {easiest} with n = 4: about {most} seeds would do for {hardest}, "
        f"{fewest} for {easiest} ('seed=range({most})' for all)."
    )
    hopeless = [replace(each, conclusion=replace(each.conclusion, needed=None)) for each in answer.pairs[:1]]
    (flag,) = find(replace(answer, pairs=[*hopeless, answer.pairs[1]]))
    left = answer.pairs[1].other.name
    assert f"more than 10,000 seeds would be needed for {hopeless[0].other.name}, {needed[left]} for {left}" in flag.message
    assert f"('seed=range({needed[left]})' for {left})" in flag.message


def test_a_named_reference_is_told_from_each_other_entry(make_run, tmp_path):
    for optimizer, values in (VALUES | {"muon": (0.888, 0.924, 0.899, 0.922)}).items():
        for seed, value in enumerate(values):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value}})
    (answer,) = compare(load([tmp_path / "sweep"]), reference="sgd")
    (flag,) = find(answer)
    assert "Too few seeds to tell sgd from" in flag.message


def test_a_decided_pair_is_not_flagged(make_run, flags):
    for optimizer, values in VALUES.items():
        for seed, value in enumerate(values):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value - 0.1 * (optimizer == "sgd")}})
    assert flags("few_seeds") == []
