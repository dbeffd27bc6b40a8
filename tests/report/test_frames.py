"""The results of sweeps as polars frames."""

from __future__ import annotations

import polars as pl
import pytest

import descentlab
from descentlab.errors import UsageError
from descentlab.report.answer import Flag
from descentlab.store.record import Status


@pytest.fixture
def sweep(make_run, tmp_path):
    """Write four seeds of adam and of sgd, which is worse by about .05, and a diverged run of lion."""
    for seed in range(4):
        for optimizer, offset in {"adam": 0.0, "sgd": 0.05}.items():
            value = 0.9 - offset + 0.01 * seed + 0.001 * (seed % 2) * (optimizer == "sgd")
            counts = {"steps": 200, "gradient_evaluations": 200}
            make_run(
                optimizer, seed=seed, summary={"best_valid": value, "test": {"accuracy": value, "loss": 1 - value}} | counts
            )
    make_run("lion", status=Status.DIVERGED, summary={"best_valid": None, "test": {}, "diverged_step": 20})
    return tmp_path / "sweep"


def test_runs_have_a_row_per_run_with_config_and_results(sweep):
    runs = descentlab.load(sweep).runs
    assert runs.height == 9
    assert runs.filter(optimizer="adam").select("optimizer.lr", "seed", "test.accuracy").row(1) == (0.1, 1, 0.91)


def test_curves_have_a_row_per_run_and_step(sweep):
    curves = descentlab.load(sweep).curves
    assert curves.group_by("id").len().height == 9
    assert curves.select("problem", "seed", "step").dtypes == [pl.String, pl.Int64, pl.Int64]
    assert curves.filter(optimizer="adam", seed=0, step=0)["train/loss"].to_list() == [2.0]
    assert curves.filter(optimizer="lion")["step"].max() == 20


def test_curves_of_several_sweeps_have_the_columns_of_all(make_run, sweep, tmp_path):
    axes = dict.fromkeys(("step", "examples", "epoch", "gradient_evaluations", "train_seconds"), 0)
    make_run(sweep="other", curves=[axes | {"valid/auroc": 0.5}])
    curves = descentlab.load([sweep, tmp_path / "other"]).curves
    assert {"valid/auroc", "valid/accuracy"} <= set(curves.columns)


def test_runs_without_curves_give_an_empty_frame(make_run, tmp_path):
    make_run(curves=[])
    assert descentlab.load(tmp_path / "sweep").curves.is_empty()


def test_pairs_have_the_same_seed_and_a_positive_difference_where_the_entry_is_better(sweep):
    pairs = descentlab.load(sweep).pairs
    adam = pairs.filter(entry="adam", other="sgd").sort("seed")
    assert adam["seed"].to_list() == [0, 1, 2, 3]
    assert adam["difference"].to_list() == pytest.approx([0.05, 0.049, 0.05, 0.049])


def test_differences_of_a_minimized_number_are_positive_where_the_entry_is_better(sweep):
    found = descentlab.compare(sweep, by="test/loss").pairs.filter(entry="adam", other="sgd")
    assert found["by"].unique().to_list() == ["test/loss"]
    assert found["difference"].min() > 0


def test_differences_summarize_the_pairs(sweep):
    results = descentlab.load(sweep)
    (row,) = results.differences.filter(entry="adam", other="sgd").to_dicts()
    assert (row["n"], row["conclusion"]) == (4, "better")
    assert row["difference"] == pytest.approx(results.pairs.filter(other="sgd")["difference"].mean())
    assert row["low"] < row["difference"] < row["high"]


def test_a_reference_changes_what_is_compared(sweep):
    found = descentlab.compare(sweep, reference="sgd").differences
    assert set(found["other"]) == {"sgd"}
    with pytest.raises(UsageError, match="did you mean sgd"):
        _ = descentlab.compare(sweep, reference="sdg").pairs


def test_answers_have_a_row_per_optimizer_with_interval_and_cost(sweep):
    answers = descentlab.load(sweep).answers
    assert answers["entry"].to_list() == ["adam", "sgd", "lion"]
    assert answers.row(0, named=True) | {"mean": None, "low": None, "high": None, "train_seconds": None} == {
        **{"problem": "digits_mlp", "by": "test/accuracy", "rank": 1, "entry": "adam", "n": 4, "candidates": 1, "trials": 1},
        **{"runs": 4, "steps": 800, "mean": None, "low": None, "high": None, "train_seconds": None},
    }
    assert answers.row(2, named=True)["mean"] is None


def test_flags_and_statement_are_those_of_the_command(sweep):
    results = descentlab.load(sweep)
    assert "divergence" in results.flags["kind"].to_list()
    assert results.flags.columns == ["problem", "kind", "subject", "message"]
    assert {"kind", "subject", "message"} <= set(Flag.__dataclass_fields__)
    assert str(results) == results.statement
    assert results.statement.startswith("adam reaches")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        descentlab.load(tmp_path / "nowhere")
