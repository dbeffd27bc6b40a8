"""Rankings that still change at the end of the budget."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.sceptic.unsettled_ranking import find

AXES = ("step", "examples", "epoch", "gradient_evaluations", "train_seconds")


def train(make_run, optimizer, accuracies, noise=0.001):
    """Write three seeds whose validation accuracy takes these values at steps 0, 100, 200, ..."""
    for seed in range(3):
        own = [value + noise * (seed - 1) * (1 + index % 2) for index, value in enumerate(accuracies)]
        curves = [dict.fromkeys(AXES, 100 * index) | {"valid/accuracy": value} for index, value in enumerate(own)]
        make_run(optimizer, seed=seed, curves=curves, summary={"best_valid": max(own), "test": {"accuracy": own[-1]}})


def test_a_lead_gained_in_the_last_quarter_is_flagged(make_run, flags):
    train(make_run, "adam", [0.1, 0.80, 0.84, 0.86, 0.87])
    train(make_run, "sgd", [0.1, 0.50, 0.70, 0.83, 0.90])
    (flag,) = flags("unsettled_ranking")
    assert flag.subject == "adam"
    assert "sgd overtook adam in the last quarter" in flag.message


def test_a_shrinking_lead_is_flagged(make_run, flags):
    train(make_run, "adam", [0.1, 0.80, 0.84, 0.89, 0.90])
    train(make_run, "sgd", [0.1, 0.50, 0.70, 0.80, 0.88])
    assert "the lead of adam over sgd shrank" in flags("unsettled_ranking")[0].message


def test_a_lead_that_stays_is_not_flagged(make_run, flags):
    train(make_run, "adam", [0.1, 0.80, 0.84, 0.86, 0.87])
    train(make_run, "sgd", [0.1, 0.70, 0.74, 0.76, 0.77])
    assert flags("unsettled_ranking") == []


def test_a_change_within_the_noise_is_not_flagged(make_run, flags):
    train(make_run, "adam", [0.1, 0.80, 0.84, 0.86, 0.870], noise=0.02)
    train(make_run, "sgd", [0.1, 0.80, 0.84, 0.858, 0.871], noise=-0.02)
    assert flags("unsettled_ranking") == []


@pytest.mark.parametrize("accuracies", [[0.1], [0.1, 0.5]])
def test_short_curves_are_not_flagged(make_run, flags, accuracies):
    train(make_run, "adam", accuracies)
    train(make_run, "sgd", accuracies)
    assert flags("unsettled_ranking") == []


@pytest.mark.parametrize("by", ["valid/loss", "test/loss", "train/loss"])
def test_the_curve_of_the_compared_number_is_examined(make_run, tmp_path, by):
    column = "train/loss" if by == "train/loss" else "valid/loss"
    losses = {"adam": [1, 0.2, 0.16, 0.14, 0.13], "sgd": [1, 0.5, 0.3, 0.17, 0.10]}
    for optimizer, values in losses.items():
        for seed in range(3):
            own = [value + 0.001 * (seed - 1) * (1 + index % 2) for index, value in enumerate(values)]
            curves = [
                dict.fromkeys(AXES, 100 * index) | {column: value, "valid/accuracy": 0.9} for index, value in enumerate(own)
            ]
            parts = {"valid": {"accuracy": 0.9, "loss": own[-1]}, "test": {"accuracy": 0.9, "loss": own[-1]}}
            make_run(optimizer, seed=seed, curves=curves, summary=parts)
    results = load([tmp_path / "sweep"])
    (flag,) = find(compare(results, by=by)[0])
    assert "sgd overtook adam in the last quarter" in flag.message
    assert list(find(compare(results)[0])) == []  # by accuracy, which is equal


def test_a_ranking_by_cost_is_not_examined(make_run, tmp_path):
    train(make_run, "adam", [0.1, 0.80, 0.84, 0.86, 0.87])
    train(make_run, "sgd", [0.1, 0.50, 0.70, 0.83, 0.90])
    assert list(find(compare(load([tmp_path / "sweep"]), by="train_seconds")[0])) == []
