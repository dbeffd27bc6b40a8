"""The number by which entries are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from descentlab.errors import UsageError
from descentlab.report import criterion
from descentlab.report.compare import compare
from descentlab.report.criterion import LOWER, make_criterion
from descentlab.report.load import load
from descentlab.report.statement import statement
from descentlab.report.statistics.ranges import BOUNDS
from descentlab.report.tables.results import results_table
from descentlab.store.record import read_curves


@pytest.fixture
def comparison(make_run, tmp_path):
    summary = {"test": {"accuracy": 0.8, "loss": 0.5, "mine": 3.0}, "valid": {"accuracy": 0.7, "loss": 0.6}}
    make_run(summary=summary | {"steps_to_target": 40, "last_train_loss": 9.0})
    return load([tmp_path / "sweep"]).comparisons[0]


@pytest.mark.parametrize(
    ("by", "key", "label", "mode", "value"),
    [
        (None, "test/accuracy", "test accuracy", "max", 0.8),
        ("test", "test/accuracy", "test accuracy", "max", 0.8),
        ("valid/accuracy", "valid/accuracy", "validation accuracy", "max", 0.9),  # the best one
        ("valid/loss", "valid/loss", "validation loss", "min", 0.6),
        ("test/mine:min", "test/mine", "test mine", "min", 3.0),
        ("steps_to_target", "steps_to_target", "steps to target", "min", 40.0),
        ("train_seconds", "train_seconds", "training seconds", "min", 1.0),
        ("train/loss", "train/loss", "training loss", "min", pytest.approx(2 * 0.1353, rel=1e-3)),  # the end of the curve
    ],
)
def test_a_criterion_has_a_direction_and_a_number(comparison, by, key, label, mode, value):
    found = make_criterion(comparison, by)
    assert (found.key, found.label, found.mode, found.get(comparison.runs[0])) == (key, label, mode, value)


def test_the_direction_of_an_unknown_metric_has_to_be_given(comparison):
    with pytest.raises(UsageError, match="write test/mine:min or test/mine:max, the better direction of mine"):
        make_criterion(comparison, "test/mine")


@pytest.mark.parametrize("name", ["error", "top_5_error", "own_loss"])
def test_errors_and_losses_are_better_if_lower(make_run, tmp_path, name):
    make_run(summary={"test": {"accuracy": 0.5, name: 0.2}})
    assert make_criterion(load([tmp_path / "sweep"]).comparisons[0], f"test/{name}").mode == "min"


def test_without_test_data_the_default_is_validation(make_run, tmp_path):
    make_run(summary={"test": {}})
    assert make_criterion(load([tmp_path / "sweep"]).comparisons[0], None).key == "valid/accuracy"


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("test/acuracy", "did you mean test/accuracy"),
        ("steps", "digits_mlp has test/accuracy"),
        ("test/mine:up", "write :min or :max"),
    ],
)
def test_an_unknown_number_is_an_error_that_lists_the_known_ones(comparison, by, message):
    with pytest.raises(UsageError, match=message):
        make_criterion(comparison, by)


def test_metrics_of_which_lower_is_better_are_known_metrics():
    assert set(LOWER) <= set(BOUNDS)


@pytest.mark.parametrize("by", ["steps_to_target", "seconds_to_target", "gradient_evaluations_to_target"])
def test_a_time_to_the_target_needs_a_target(make_run, tmp_path, by):
    make_run(config={"target": None}, summary={"target": None})
    with pytest.raises(UsageError, match=f"cannot compare by {by}: digits_mlp has no target; train it with target=VALUE"):
        compare(load([tmp_path / "sweep"]), by=by)


def test_a_problem_without_a_target_is_compared_by_its_metric_next_to_one_with_a_target(make_run, tmp_path):
    make_run(summary={"steps_to_target": 3})
    make_run(problem="other", config={"target": None}, summary={"target": None})
    answers = compare(load([tmp_path / "sweep"]), by="steps_to_target")
    assert [answer.by.key for answer in answers] == ["steps_to_target", "test/accuracy"]


def test_the_curves_of_a_run_are_read_once(make_run, tmp_path, monkeypatch):
    for seed in range(2):
        make_run(seed=seed)
    read: list[Path] = []

    def count(folder):
        read.append(folder)
        return read_curves(folder)

    monkeypatch.setattr(criterion, "read_curves", count)
    (answer,) = compare(load([tmp_path / "sweep"]), by="train/loss")
    results_table(answer)
    statement(answer)
    assert len(read) == 2
