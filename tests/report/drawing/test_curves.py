"""Figures of curves: means with bands, and runs that did not complete."""

from __future__ import annotations

import math

from descentlab.report.drawing.thinning import SELECTED_POINTS
from descentlab.store.record import Status


def diverging(steps: int) -> list[dict[str, float]]:
    losses = [2.0 * math.exp(step) for step in range(steps)] + [math.inf]
    return [{"step": i, "examples": i, "train_seconds": i / 10, "train/loss": loss} for i, loss in enumerate(losses)]


def test_a_loss_that_is_not_positive_is_drawn_on_a_linear_axis(make_run, draw):
    make_run(curves=[{"step": i, "examples": i, "train_seconds": i, "train/loss": 1.0 - i} for i in range(3)])
    assert draw()["Training loss"].scale == "linear"


def test_seeds_are_drawn_as_a_mean_with_a_band(make_run, draw):
    for seed in range(3):
        make_run(seed=seed)
    (mean,) = draw()["Training loss"].curves
    assert (mean.series, mean.run) == ("adam (3 seeds)", "")
    assert mean.rows.columns == ["step", "y", "low", "high"]
    assert mean.rows.height == 21
    assert mean.rows["low"].min() > 0  # a logarithmic axis can show it
    assert (mean.rows["low"] <= mean.rows["y"]).all()
    assert mean.knots.columns == ["step", "examples", "gradient_evaluations", "train_seconds"]
    assert mean.knots["step"].to_list()[:: mean.knots.height - 1] == [0, 200]


def test_bands_of_an_accuracy_stay_within_its_range(make_run, draw):
    for seed in range(2):
        rows = [{"step": i, "examples": i, "train_seconds": i, "valid/accuracy": 0.99 - 0.4 * seed} for i in range(3)]
        make_run(seed=seed, curves=rows)
    (mean,) = draw()["Validation accuracy"].curves
    assert 0 <= mean.rows["low"].min() < mean.rows["high"].max() <= 1


def test_bands_of_an_unknown_metric_are_computed_on_logs_for_a_logarithmic_axis(make_run, draw):
    task = {"monitor": "badness", "mode": "min"}
    for seed in range(2):
        rows = [{"step": i, "examples": i, "train_seconds": i, "valid/badness": 1.0 + 0.1 * seed} for i in range(3)]
        make_run(seed=seed, curves=rows, config={"task": task}, summary=task)
    figure = draw()["Validation badness"]
    low, high = figure.curves[0].rows.select("low", "high").row(0)
    assert figure.scale == "loss"
    assert low > 0
    assert math.isclose(low * high, 1.05**2)  # symmetric in the logarithm


def test_only_selected_series_have_a_band_and_come_first(make_run, draw):
    for lr, best in ((0.1, 0.8), (0.01, 0.9)):
        for seed in range(2):
            make_run(lr=lr, seed=seed, summary={"best_valid": best})
    selected, other = draw()["Training loss"].curves
    assert selected.series == "adam lr=0.01 (2 seeds)"
    assert ("low" in selected.rows.columns, "low" in other.rows.columns) == (True, False)


def test_a_diverged_run_is_excluded_from_the_mean_and_ends_in_a_marker(make_run, draw):
    make_run(seed=0)
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    completed, line = draw()["Training loss"].curves
    assert (completed.series, completed.run, completed.mark) == ("adam (2 seeds)", "", "")
    assert completed.rows["y"].max() == 2.0
    assert (line.run, line.mark) == ("seed 1: diverged at step 9", "x")
    assert line.rows["y"].max() < 10  # cut at the limits of the figure


def test_diverged_runs_alone_are_drawn_up_to_the_last_finite_value(make_run, draw):
    make_run(status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    (line,) = draw()["Training loss"].curves
    assert line.rows.height == 9
    assert line.rows["y"].is_finite().all()


def test_a_long_line_keeps_its_extremes(make_run, draw):
    losses = [1.0] * 5000
    losses[1234], losses[4321] = 7.0, 0.01
    make_run(curves=[{"step": i, "examples": i, "train_seconds": i, "train/loss": loss} for i, loss in enumerate(losses)])
    rows = draw()["Training loss"].curves[0].rows
    assert rows.height <= SELECTED_POINTS
    assert {(1234.0, 7.0), (4321.0, 0.01)} <= set(rows.rows())
