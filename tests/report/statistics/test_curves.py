"""The curves of runs and their means."""

from __future__ import annotations

import math

import polars as pl
import pytest
from scipy import stats

from descentlab.report.statistics.curves import AXES, curves_by_id, mean_curve, run_curves
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


AT = dict.fromkeys(AXES, 0)
RUNS_OF_ANY_KIND = {
    "usual": {},
    "diverged": {"status": Status.DIVERGED, "summary": {"diverged_step": 35}},
    "unsealed": {"status": Status.INTERRUPTED},
    "empty": {"curves": []},
    "other columns": {"curves": [AT | {"train/loss": 1.0, "batches": "x"}, AT | {"valid/auroc": 0.5}]},
    "three rows of a step": {"curves": [AT | {"train/loss": 3.0}, AT | {"valid/loss": 2.0}, AT | {"train/loss": 1.0}]},
    "five rows of a step": {"curves": [AT | {"train/loss": float(value)} for value in range(5)]},
    "steps out of order": {"curves": [AT | {"step": step, "train/loss": float(step)} for step in (0, 10, 5, 10)]},
    "not finite": {"curves": [AT | {"train/loss": math.nan}, AT | {"valid/loss": math.inf}]},
    "without evaluations": {"curves": [{"step": 1, "examples": 1, "train_seconds": 0.1, "train/loss": 1.0}]},
}


def test_curves_that_are_read_together_equal_those_read_one_by_one(make_run):
    runs = [make_run(**arguments) for arguments in RUNS_OF_ANY_KIND.values()] + [make_run(seed=seed) for seed in range(3)]
    found = curves_by_id(runs)
    assert found.keys() == {run.id for run in runs}
    for run in runs:
        expected = run_curves(run)
        assert found[run.id].select(expected.columns).equals(expected), run.name


def test_curves_with_the_same_columns_of_different_types_are_read(make_run):
    runs = [make_run(seed=seed, curves=[AT | {"train/loss": loss}]) for seed, loss in enumerate((1, 2.5, None))]
    found = curves_by_id(runs)
    assert [found[run.id]["train/loss"].to_list() for run in runs] == [[1.0], [2.5], [None]]


def frame(steps: list[float], seconds: list[float], y: list[float]) -> pl.DataFrame:
    return pl.DataFrame(dict(zip((*AXES, "y"), (steps, steps, steps, seconds, y), strict=True)), strict=False).cast(pl.Float64)


def test_a_mean_curve_is_aligned_by_step_and_averages_seconds():
    frames = [frame([0, 1, 2], [0, 1, 2], [1, 2, 3]), frame([0, 1, 3], [0, 3, 9], [3, 4, math.inf])]
    found = mean_curve(frames, "y")
    assert found.select("step", "train_seconds", "y").rows() == [(0, 0, 2), (1, 2, 3)]
    half_width = stats.t.ppf(0.975, 1) * math.sqrt(2) / math.sqrt(2)
    assert found.select("low", "high").row(0) == pytest.approx((2 - half_width, 2 + half_width))


def test_the_interval_of_a_loss_is_positive():
    values = ([1.0, 2.0], [3.0, 4.0])
    frames = [frame([0, 1], [0, 1], each).rename({"y": "train/loss"}) for each in values]
    assert mean_curve(frames, "train/loss")["low"].min() > 0
    assert mean_curve(frames[:1], "train/loss")["low"].null_count() == 2


def test_the_mean_of_curves_with_equal_steps_is_that_of_curves_with_different_steps():
    values = [[1.0, 2.0, 4.0], [2.0, 5.0, 9.0]]
    steps, seconds = [0.0, 1.0, 2.0], [[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]]
    frames = [frame(steps, *each) for each in zip(seconds, values, strict=True)]
    longer = [pl.concat([one, frame([3.0 + index], [5.0], [7.0])]) for index, one in enumerate(frames)]
    assert mean_curve(frames, "y").equals(mean_curve(longer, "y"))


def test_a_single_curve_has_no_interval():
    found = mean_curve([frame([0.0, 1.0], [0.0, 1.0], [1.0, 2.0])], "y")
    assert found["y"].to_list() == [1.0, 2.0]
    assert found.select("low", "high").null_count().row(0) == (2, 2)
