"""The panel of tuning curves."""

from __future__ import annotations

import json

import pytest

from descentlab.report.statistics.tuning_curves import tuning_curve
from descentlab.store.manifest import Arm, Manifest, Trial

EXPECTED = "Tuning curve: expected best validation accuracy of k trials"
MEDIAN = "Tuning curve: median best validation loss of k trials"
SO_FAR = "Best validation accuracy so far by trial"
VALUES = [0.7, 0.9, None, 0.8]


@pytest.fixture
def tune(make_run, tmp_path):
    """Write a tuned sweep of one optimizer with the given values of trials."""

    def make(values=VALUES, sampler="sobol", monitor="accuracy", mode="max", pruned=(), selected=1, optimizer="adam"):
        task = {"task": {"monitor": monitor, "mode": mode}}
        summary = {"monitor": monitor, "mode": mode}
        trials = []
        for index, value in enumerate(values):
            run = make_run(optimizer, lr=10.0**-index, seed=1000, config=task, summary=summary | {"best_valid": value})
            trials.append(Trial(index, {"optimizer.lr": 10.0**-index}, [run.id], value, index in pruned))
        report = [make_run(optimizer, lr=0.5, seed=seed, config=task, summary=summary).id for seed in (0, 1)]
        arm = Arm(optimizer, "digits_mlp", optimizer, trials=trials, selected=selected, report=report)
        earlier = Manifest.read(tmp_path / "sweep")
        arms = [*(earlier.arms if earlier else []), arm]
        Manifest(sampler, "", 0, [1000], [0, 1], arms).write(tmp_path / "sweep")

    return make


def test_the_expected_curve_is_drawn_with_its_band(tune, draw):
    tune()
    band, line = draw()[EXPECTED].traces
    found = tuning_curve(VALUES, "max", "expected", low=0, high=1)
    assert (line["x"], line["y"]) == ([1, 2, 3, 4], found.best)
    assert line["name"] == "adam, 1 of 4 trials failed"
    assert band["y"] == [*found.high, *reversed(found.low)]


def test_each_optimizer_has_a_line_of_its_color(tune, draw):
    tune()
    tune(optimizer="sgd", values=[0.5, 0.6, 0.7])
    lines = draw()[EXPECTED].traces[2:]
    assert [line["name"] for line in lines] == ["adam, 1 of 4 trials failed", "sgd"]
    assert len({line["line"]["color"] for line in lines}) == 2
    assert [line["series"] for line in lines] == ["adam (tuned, 2 seeds)", "sgd (tuned, 2 seeds)"]


def test_a_metric_without_bounds_has_the_median_curve_without_infinite_numbers(tune, draw):
    tune([1.0, 3.0, None, None, 2.0, None], monitor="loss", mode="min", selected=0)
    figure = draw()[MEDIAN]
    json.dumps(figure.traces, allow_nan=False)
    line = figure.traces[-1]
    assert (line["x"], line["y"]) == ([1, 2, 3, 4, 5, 6], [3, 2, 2, 1, 1, 1])
    assert figure.scale == "loss"


@pytest.mark.parametrize("changes", [{"sampler": "tpe"}, {"pruned": (2,)}])
def test_dependent_trials_have_the_best_value_so_far(tune, draw, changes):
    tune(**changes)
    (line,) = draw()[SO_FAR].traces
    assert (line["x"], line["y"]) == ([1, 2, 3, 4], [0.7, 0.9, 0.9, 0.9])


def test_unfinished_trials_are_not_failures(tune, draw):
    tune([0.7, 0.9, 0.8, None, None], selected=None)
    line = draw()[EXPECTED].traces[-1]
    assert (line["name"], line["x"]) == ("adam", [1, 2, 3])


def test_without_trials_the_panel_is_not_drawn(tune, make_run, draw):
    make_run()
    assert not any(title.startswith("Tuning") for title in draw())
    tune([0.5, 0.6])
    assert not any(title.startswith("Tuning") for title in draw())
