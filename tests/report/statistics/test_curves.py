"""The curves of runs and their means."""

from __future__ import annotations

import math

import polars as pl
import pytest
from scipy import stats

from descentlab.report.statistics.curves import AXES, mean_curve, run_curves, thin
from descentlab.store.record import Status


def test_rows_of_one_step_are_merged_and_the_last_value_counts(make_run):
    axes = {"step": 0, "examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0}
    found = run_curves(make_run(curves=[axes | {"train/loss": 3.0}, axes | {"valid/loss": 2.0}, axes | {"train/loss": 1.0}]))
    assert found.select("train/loss", "valid/loss").rows() == [(1.0, 2.0)]


def test_curves_end_at_the_step_of_divergence(make_run):
    run = make_run(status=Status.DIVERGED, summary={"diverged_step": 35})
    assert run_curves(run)["step"].max() == 30


def test_a_run_without_curves_gives_empty_frames(make_run):
    run = make_run(curves=[])
    assert run_curves(run).is_empty()
    assert mean_curve([run_curves(run)], "train/loss").is_empty()


def frame(steps: list[float], seconds: list[float], y: list[float]) -> pl.DataFrame:
    return pl.DataFrame(dict(zip((*AXES, "y"), (steps, steps, steps, seconds, y), strict=True)), strict=False).cast(pl.Float64)


def test_a_mean_curve_is_aligned_by_step_and_averages_seconds():
    frames = [frame([0, 1, 2], [0, 1, 2], [1, 2, 3]), frame([0, 1, 3], [0, 3, 9], [3, 4, math.inf])]
    found = mean_curve(frames, "y")
    assert found.select("step", "train_seconds", "y").rows() == [(0, 0, 2), (1, 2, 3)]
    assert found["half_width"][0] == pytest.approx(stats.t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2))


def test_thinning_keeps_the_last_point():
    steps = [float(step) for step in range(10_001)]
    found = thin(mean_curve([frame(steps, steps, steps)], "y"), 1000)
    assert 900 <= found.height <= 1001
    assert found["step"][-1] == 10_000
