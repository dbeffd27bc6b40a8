"""The statement of an answer, case by case."""

from __future__ import annotations

import re

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.overall import overall_statement
from descentlab.report.statement import statement
from descentlab.store.record import Status


@pytest.fixture
def sentence(tmp_path):
    """Return the statement of tmp_path/sweep, or of another folder."""
    return lambda folder=None, **how: statement(compare(load([folder or tmp_path / "sweep"]), **how)[0])


@pytest.fixture
def make_seeds(make_run):
    """Write a run with each test accuracy, with the seeds 0, 1, ..."""

    def make(optimizer, values, **how):
        for seed, value in enumerate(values):
            make_run(optimizer, seed=seed, summary={"best_valid": value, "test": {"accuracy": value}, "steps": 10}, **how)

    return make


def test_a_better_optimizer_after_tuning(make_tuned, sentence):
    found = sentence(make_tuned({"adam": 0.9, "muon": 0.95}))
    assert found == (
        "muon (lr=0.01) reaches 0.9505 [0.9474, 0.9534] test accuracy, better than adam (lr=0.01) by "
        "0.0501 [0.0497, 0.0505] (paired t, p < 0.0001, n = 5 pairs), after 4 trials each; 28 s of training in 28 runs."
    )


def test_a_named_reference_is_compared_with_the_best(make_tuned, sentence):
    found = sentence(make_tuned({"adam": 0.9, "muon": 0.95, "sgd": 0.8}), reference="sgd")
    assert "muon (lr=0.01) reaches" in found
    assert "better than sgd (lr=0.01) by 0.1499 [0.1493, 0.1505]" in found
    assert "corrected for 2 comparisons" in found


def test_one_optimizer_has_no_relation(make_seeds, sentence):
    make_seeds("adam", [0.9, 0.91, 0.92])
    assert re.fullmatch(r"adam reaches 0\.910 \[.*\] test accuracy \(n = 3\); 3 s of training in 3 runs\.", sentence())


def test_one_seed_gives_no_interval(make_seeds, sentence):
    make_seeds("adam", [0.9])
    make_seeds("sgd", [0.8])
    assert sentence() == (
        "adam reaches 0.9 test accuracy with one seed (no interval), 0.1 better than sgd; 2 s of training in 2 runs."
    )


def test_equal_values_are_practically_equal(make_seeds, sentence):
    for name in ("adam", "twin"):
        make_seeds(name, [0.9, 0.91, 0.92, 0.93, 0.94])
    assert "practically equal to twin: no difference in any of 5 pairs;" in sentence()


def test_equal_values_of_few_seeds_are_not_called_equal(make_seeds, sentence):
    for name in ("adam", "twin"):
        make_seeds(name, [0.9, 0.91])
    assert (
        "not distinguishable from twin with n = 2 pairs: no difference in any of 2 pairs (about 5 seeds would do to show "
        "that they are practically equal);"
    ) in sentence()


def test_a_difference_within_the_margin_is_practically_equal(make_seeds, sentence):
    make_seeds("adam", [0.9, 0.91, 0.92, 0.93, 0.9])
    make_seeds("sgd", [0.9001, 0.9099, 0.9202, 0.9298, 0.9])
    assert "practically equal to" in sentence(margin=0.01)
    assert "within the margin of 0.01 (n = 5 pairs)" in sentence(margin=0.01)


def test_an_undecided_difference_has_the_number_of_seeds_that_would_do(make_seeds, sentence):
    make_seeds("adam", [0.9, 0.95, 0.91])
    make_seeds("sgd", [0.92, 0.9, 0.9])
    found = sentence()
    assert "not distinguishable from sgd with n = 3 pairs: difference " in found
    assert re.search(r"\(paired t, p = .*; about \d+ seeds would do\)", found)


def test_unshared_seeds_are_compared_by_welch(make_run, sentence):
    for seed, value in enumerate((0.9, 0.91, 0.92, 0.5, 0.51, 0.52)):
        make_run("adam" if seed < 3 else "sgd", seed=seed, summary={"best_valid": value, "test": {"accuracy": value}})
    assert "(Welch's t, p < 0.0001, n = 3 and 3 seeds, not paired)" in sentence()


def test_all_diverged(make_run, sentence):
    for seed in range(2):
        make_run("adam", seed=seed, status=Status.DIVERGED, summary={"best_valid": None, "test": {}})
    assert sentence() == "All 2 runs of adam diverged: there is nothing to compare; 2 s of training in 2 runs."


def test_no_run_completed(make_run, sentence):
    make_run("adam", status=Status.FAILED, summary={"best_valid": None, "test": {}})
    make_run("sgd", status=Status.CRASHED, summary={"best_valid": None, "test": {}})
    assert sentence().startswith("No run of adam and sgd completed (1 failed, 1 crashed): there is nothing to compare")


def test_an_undefined_metric_has_its_reason(make_run, sentence):
    reason = "the test split has no negative example"
    undefined = {"test": {"accuracy": None}, "best_valid": None, "undefined": {"best_valid": reason, "valid/accuracy": reason}}
    make_run("adam", summary=undefined)
    assert sentence().startswith(f"There is no validation accuracy of adam: {reason} (1 of 1 runs)")


def test_some_diverged_runs_are_named(make_seeds, make_run, sentence):
    make_seeds("adam", [0.9, 0.91])
    make_seeds("sgd", [0.8])
    make_run("sgd", seed=1, status=Status.DIVERGED, summary={"diverged_step": 12, "test": {}})
    assert "Not all runs completed (sgd: 1 completed, 1 diverged at step 12)." in sentence()
    assert "not tested against sgd (1 of 2 runs of sgd diverged; a test of the others would be biased)" in sentence()


def test_an_unfinished_tuning_is_preliminary(make_tuned, sentence):
    found = sentence(make_tuned({"adam": 0.9}, unfinished=["adam"]))
    assert "The tuning of adam is not complete" in found


def test_an_entry_that_ranks_first_and_is_slower_is_not_called_earlier(make_run, sentence):
    """Entries with a diverged run rank last, even if their other runs reach the target first."""
    for seed in range(14):
        make_run("adam", seed=seed, summary={"steps_to_target": 900 + seed, "steps": 1000})
        make_run("sgd", seed=seed, summary={"steps_to_target": 100 + seed, "steps": 1000})
    make_run("adam", seed=14, summary={"steps_to_target": 914, "steps": 1000})
    make_run("sgd", seed=14, summary={"steps_to_target": None, "steps": 950, "diverged_step": 950}, status=Status.DIVERGED)
    found = sentence(by="steps_to_target")
    assert found.startswith("adam reaches the target 0.95 in 15 of 15 runs")
    assert "later than sgd, which reaches it in 14 of 15" in found


def test_a_target_that_some_runs_miss(make_run, sentence):
    for seed in range(5):
        make_run("adam", seed=seed, summary={"steps_to_target": 40 + seed, "steps": 100})
        make_run("sgd", seed=seed, summary={"steps_to_target": 90 if seed else None, "steps": 100})
    assert sentence(by="steps_to_target").startswith(
        "adam reaches the target 0.95 in 5 of 5 runs, after 42 [40, 44] steps, earlier than sgd, which reaches it in 4 of 5 "
        "(logrank test, p = 0.00"
    )


def test_a_target_that_no_run_reaches(make_run, sentence):
    make_run("adam", summary={"steps": 100})
    assert sentence(by="steps_to_target").startswith("No run of adam reached the target 0.95;")


def test_selection_in_a_grid_is_counted(make_seeds, sentence):
    for lr, value in ((0.1, 0.9), (0.2, 0.8)):
        make_seeds("adam", [value, value + 0.01], lr=lr)
    make_seeds("sgd", [0.5, 0.52])
    found = sentence()
    assert found.startswith("adam (lr=0.1) reaches")
    assert " than sgd by" in found or " from sgd with" in found  # it has one setting
    assert "at the best of 2 settings (sgd 1); 6 s of training in 6 runs" in found


def test_the_settings_of_the_reference_follow_its_name_if_they_are_few(make_seeds, sentence):
    keys = ("momentum", "weight_decay", "dampening", "eps")
    for value in (0.1, 0.2):
        make_seeds("adam", [value, value + 0.1], lr=value, config={"optimizer": {"lr": value, **dict.fromkeys(keys, value)}})
        make_seeds("sgd", [value / 2, value / 2 + 0.11], lr=value)
    assert sentence().startswith("adam (lr=0.2, momentum=0.2, weight_decay=0.2, dampening=0.2 and 1 more) reaches")
    assert "sgd (lr=0.2)" in sentence()
    worse = sentence(reference="adam")
    assert worse.startswith("adam (lr=0.2, momentum")
    for value in (0.1, 0.2):
        make_seeds("muon", [value + 0.3, value + 0.31], lr=value)
    found = sentence(reference="adam")
    assert found.startswith("muon (lr=0.2) reaches")
    assert " than adam by" in found or " from adam with" in found


def test_the_settings_of_a_tuning_that_is_not_complete_are_those_of_the_best_trial(make_tuned, sentence):
    assert sentence(make_tuned({"adam": 0.9}, unfinished=["adam"])).startswith("adam (lr=0.01) reaches")


def test_several_problems_have_average_ranks(make_tuned):
    make_tuned({"adam": 0.9, "sgd": 0.8})
    sweep = make_tuned({"adam": 0.9, "sgd": 0.95}, problem="digits_softmax")
    make_tuned({"adam": 0.9, "sgd": 0.8}, problem="third")
    answers = compare(load([sweep]))
    assert overall_statement(answers).startswith(
        "Over 3 problems adam has the best average rank, 1.33 (sgd 1.67); problems won: "
    )
    assert overall_statement(answers[:1]) == ""
