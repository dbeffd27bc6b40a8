"""Figures of curves: means with bands, and runs that did not complete."""

from __future__ import annotations

import math

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
    band, mean = draw()["Training loss"].traces
    assert band["fill"] == "toself"
    assert mean["name"] == "adam (3 seeds), mean of 3"
    assert len(band["y"]) == 2 * len(mean["y"]) == 2 * 21
    assert min(band["y"]) > 0  # a logarithmic axis can show it


def test_a_diverged_run_is_excluded_from_the_mean_and_ends_in_a_marker(make_run, draw):
    make_run(seed=0)
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    line, marker, completed = draw()["Training loss"].traces
    assert completed["name"] == "adam (2 seeds)"
    assert max(completed["y"]) == 2.0
    assert marker["marker"]["symbol"] == "x"
    assert marker["name"].endswith("seed 1: diverged at step 9")
    assert marker["y"] == line["y"][-1:]
    assert max(line["y"]) < 10  # cut at the limits of the figure


def test_diverged_runs_alone_are_drawn_up_to_the_last_finite_value(make_run, draw):
    make_run(status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    line = draw()["Training loss"].traces[0]
    assert len(line["y"]) == 9
    assert all(map(math.isfinite, line["y"]))
