"""Pairs of entries: missing values, seeds that are shared in part, and corrections for several comparisons."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.pairs import compare_series
from descentlab.report.relation import relation
from descentlab.report.statement import statement
from descentlab.report.statistics.difference import Paired, Unpaired
from descentlab.report.tables.answers import pairs_table
from descentlab.store.record import Status

VALUES = (0.90, 0.93, 0.91, 0.92, 0.94)


@pytest.fixture
def make_seeds(make_run):
    """Write a run with a test accuracy for each seed."""

    def make(optimizer, values):
        for seed, value in values.items():
            make_run(optimizer, seed=seed, summary={"best_valid": value, "test": {"accuracy": value}})

    return make


@pytest.fixture
def answer(tmp_path):
    return lambda **how: compare(load([tmp_path / "sweep"]), **how)[0]


def shifted(shift, seeds=range(5)):
    return {seed: VALUES[seed % 5] - shift - 0.001 * (seed % 3) for seed in seeds}


def test_survivors_of_an_optimizer_that_diverges_are_not_compared(make_run, make_seeds, answer):
    make_seeds("adam", shifted(0.05))
    make_seeds("sgd", shifted(0.0, range(4)))
    make_run("sgd", seed=4, status=Status.DIVERGED, summary={"diverged_step": 7, "test": {}})
    found = answer()
    (pair,) = found.pairs
    assert (pair.difference, pair.p, found.best.name) == (None, None, "adam")
    assert pair.reason == "1 of 5 runs of sgd diverged; a test of the others would be biased"
    assert f"not tested against sgd ({pair.reason})" in statement(found)


def test_a_completed_run_without_the_value_is_not_left_out_silently(make_run, make_seeds, answer):
    make_seeds("adam", shifted(0.05))
    make_seeds("sgd", shifted(0.0, range(4)))
    make_run("sgd", seed=4, summary={"test": {"accuracy": None}, "undefined": {"test/accuracy": "no examples"}})
    (pair,) = answer().pairs
    assert (pair.difference, pair.reason) == (None, "test accuracy of sgd is missing in 1 of 5 runs: no examples")


def test_seeds_without_a_result_are_left_out_and_counted(make_run, make_seeds, answer):
    make_seeds("adam", dict(enumerate(VALUES)))
    make_seeds("sgd", shifted(0.05, range(4)))
    make_run("sgd", seed=4, status=Status.FAILED, summary={"test": {}})
    found = answer()
    assert found.pairs[0].difference.n == 4
    assert "n = 4 pairs, 1 seed without a result left out)" in relation(found)


@pytest.mark.parametrize(
    ("first", "second", "kind", "n"),
    [
        (range(5), range(5), Paired, 5),
        (range(20), range(18, 38), Unpaired, 20),  # two shared seeds of 20
        (range(20), range(10, 30), Paired, 10),  # half of the seeds
        (range(20), range(11, 31), Unpaired, 20),
        (range(2), range(30), Paired, 2),  # all seeds of the smaller series
        (range(1), range(30), None, None),
        (range(3), range(2, 5), Unpaired, 3),  # one shared seed
    ],
)
def test_seeds_are_paired_if_at_least_half_of_the_smaller_series_is_shared(make_seeds, answer, first, second, kind, n):
    make_seeds("adam", shifted(0.0, first))
    make_seeds("sgd", shifted(0.05, second))
    found = answer()
    difference = compare_series(found.entries[0].series, found.entries[1].series, found.by)
    assert (None if difference is None else (type(difference), difference.n)) == (None if kind is None else (kind, n))


def test_intervals_power_and_needed_pairs_agree_with_the_correction(make_seeds, answer):
    for position, name in enumerate(("adam", "sgd", "muon")):
        make_seeds(name, {seed: value - 0.001 * position * (-1) ** seed for seed, value in enumerate(VALUES)})
    found = answer()
    assert found.comparisons == 3
    for pair in found.pairs:
        assert pair.difference.level == pytest.approx(1 - 0.05 / 3)
        assert pair.conclusion.comparisons == 3
        assert pair.difference == compare_series(pair.entry.series, pair.other.series, found.by).at_level(1 - 0.05 / 3)
    named = answer(reference="sgd")
    assert [pair.difference.level for pair in named.pairs] == [pytest.approx(0.975)] * 2
    assert any("hold for all comparisons together" in note for note in pairs_table(found).notes)


def test_equality_is_shown_with_the_interval_of_the_two_one_sided_tests(make_seeds, answer):
    make_seeds("adam", {seed: value + (0.0001, -0.0002, 0.0002, 0.0, -0.0001)[seed] for seed, value in enumerate(VALUES)})
    make_seeds("sgd", dict(enumerate(VALUES)))
    found = answer(margin=0.01)
    decisive = found.pairs[0].difference.at_level(0.9)
    low, high = sorted((decisive.low, decisive.high))
    assert relation(found).endswith(f"[{low:.5f}, {high:.5f}] (90 % interval), within the margin of 0.01 (n = 5 pairs)")


def test_equality_of_unpaired_values_is_not_that_of_pairs(make_seeds, answer):
    make_seeds("adam", dict.fromkeys(range(4), 0.9))
    make_seeds("sgd", dict.fromkeys(range(4, 8), 0.9))
    assert relation(answer()) == "practically equal to sgd: all 4 and 4 values are equal"


def test_a_logrank_test_that_no_outcome_makes_significant_has_its_least_p(make_run, answer):
    for seed in range(3):
        make_run("adam", seed=seed, summary={"steps": 100, "steps_to_target": 10 + seed})
        make_run("sgd", seed=seed, summary={"steps": 100, "steps_to_target": None})
    found = answer(by="steps_to_target")
    assert relation(found).endswith("(logrank test, p = 0.1; 3 and 3 runs cannot give p below 0.1)")
    assert "Logrank test: 3 and 3 runs cannot give p below 0.1." in pairs_table(found).notes


def test_small_p_values_of_logrank_tests_have_the_format_of_others(make_run, answer):
    for seed in range(18):
        reached = 10 + seed if seed < 6 else None
        make_run("adam" if seed < 6 else "sgd", seed=seed, summary={"steps": 100, "steps_to_target": reached})
    found = answer(by="steps_to_target")
    assert found.pairs[0].p == pytest.approx(1 / 18_564)
    assert pairs_table(found).rows[0][2] == "<0.0001"


@pytest.mark.parametrize("by", ["train_seconds", "seconds_to_target"])
def test_seconds_of_fused_and_of_single_runs_are_not_tested(make_run, answer, by):
    for optimizer, group in {"adam": {}, "sgd": {"group": {"size": 5, "compiled": True}}}.items():
        for seed in range(5):
            seconds = {"train_seconds": 1.0 + 0.1 * seed, "seconds_to_target": 0.5 + 0.1 * seed, "steps_to_target": 50}
            make_run(optimizer, seed=seed, summary={**seconds, **group})
    found = answer(by=by)
    (pair,) = found.pairs
    assert (pair.difference, pair.p, pair.logrank) == (None, None, None)
    assert pair.reason == "seconds of compiled fused and single runs are not comparable"
    assert f"not tested against {pair.other.name} ({pair.reason})" in statement(found)
    assert answer(by="steps_to_target").pairs[0].reason != pair.reason
