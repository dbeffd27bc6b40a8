"""Means, intervals, ranks and curves, against numbers worked out otherwise."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from descentlab.report.load import load
from descentlab.report.statistics.estimate import AXES, curve, curves, estimate, ranked, thinned
from descentlab.store.record import Status


def test_the_interval_is_students():
    values = [0.91, 0.95, 0.96, 0.90]
    found = estimate(values)
    assert found is not None
    assert found.half_width is not None
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.mean - found.half_width, found.mean + found.half_width, found.n) == pytest.approx((low, high, 4))


@pytest.mark.parametrize("values", [[], [None], [1.0, None], [1.0, math.nan], [1.0, math.inf]])
def test_a_mean_over_some_of_the_seeds_is_none(values):
    assert estimate(values) is None


def test_one_seed_has_no_interval():
    found = estimate([0.5])
    assert found is not None
    assert found.half_width is None


@pytest.mark.parametrize(("mode", "order"), [("max", ["good", "bad"]), ("min", ["bad", "good"])])
def test_ranks(make_run, tmp_path, mode, order):
    make_run("failed", status=Status.FAILED, summary={"best_valid": None})
    make_run("diverged", status=Status.DIVERGED, summary={"best_valid": 0.99})
    for seed, status in enumerate((Status.COMPLETED, Status.DIVERGED)):
        make_run("shaky", seed=seed, status=status, summary={"best_valid": 0.99})
    make_run("bad", summary={"best_valid": 0.1, "mode": mode})
    make_run("good", summary={"best_valid": 0.9, "mode": mode})
    comparison = load([tmp_path / "sweep"]).comparisons[0]
    for run in comparison.runs:
        run.summary["mode"] = mode
    assert [one.optimizer for one in ranked(comparison)] == [*order, "shaky", "diverged", "failed"]


def test_the_rows_of_a_step_become_one_and_a_resume_overwrites(make_run):
    axes = {"step": 0, "examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0}
    found = curves(make_run(curves=[axes | {"train/loss": 3.0}, axes | {"valid/loss": 2.0}, axes | {"train/loss": 1.0}]))
    assert found.select("train/loss", "valid/loss").rows() == [(1.0, 2.0)]


def test_curves_end_where_the_run_diverged(make_run):
    run = make_run(status=Status.DIVERGED, summary={"diverged_step": 35})
    assert curves(run)["step"].max() == 30


def test_a_run_without_curves_has_none(make_run):
    run = make_run(curves=[])
    assert curves(run).is_empty()
    assert curve([curves(run)], "train/loss").is_empty()


def frame(steps: list[float], seconds: list[float], y: list[float]) -> pl.DataFrame:
    return pl.DataFrame(dict(zip((*AXES, "y"), (steps, steps, steps, seconds, y), strict=True)), strict=False).cast(pl.Float64)


def test_a_mean_curve_is_aligned_by_step_and_averages_seconds():
    found = curve([frame([0, 1, 2], [0, 1, 2], [1, 2, 3]), frame([0, 1, 3], [0, 3, 9], [3, 4, math.inf])], "y")
    assert found.select("step", "train_seconds", "y").rows() == [(0, 0, 2), (1, 2, 3)]
    assert found["half_width"][0] == pytest.approx(stats.t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2))


def test_thinning_keeps_the_last_point():
    steps = [float(step) for step in range(10_001)]
    found = thinned(curve([frame(steps, steps, steps)], "y"), 1000)
    assert 900 <= found.height <= 1001
    assert found["step"][-1] == 10_000
