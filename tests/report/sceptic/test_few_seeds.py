"""Too few seeds."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from descentlab.report.answer import Pair
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.sceptic.few_seeds import find


def test_a_single_seed_is_flagged(make_run, flags):
    make_run("adam")
    make_run("sgd")
    (flag,) = (flag for flag in flags("few_seeds") if "single" in flag.message)
    assert "a single completed run of adam and sgd" in flag.message
    assert "'seed=range(5)'" in flag.message


def answer(make_run, tmp_path, kind, needed):
    """Return an answer whose pair has this conclusion."""
    for optimizer in ("adam", "sgd"):
        for seed in range(3):
            make_run(optimizer, seed=seed)
    (found,) = compare(load([tmp_path / "sweep"]))
    pair = Pair(*found.entries, None, SimpleNamespace(kind=kind, needed=needed))
    return replace(found, pairs=[pair])


def test_an_undecided_pair_is_flagged_with_the_seeds_that_would_do(make_run, tmp_path):
    (flag,) = find(answer(make_run, tmp_path, "undecided", 23))
    assert flag.message == "Too few seeds to tell adam from sgd with n = 3: about 23 seeds would do ('seed=range(23)')."


def test_a_pair_that_no_number_of_seeds_would_decide_is_flagged(make_run, tmp_path):
    (flag,) = find(answer(make_run, tmp_path, "undecided", None))
    assert "more than 10,000 seeds" in flag.message


def test_a_decided_pair_is_not_flagged(make_run, tmp_path):
    assert list(find(answer(make_run, tmp_path, "better", None))) == []
