"""The files next to the page."""

from __future__ import annotations

import polars as pl

from descentlab.report.compare import compare
from descentlab.report.exports import FILES, write_exports
from descentlab.report.load import load


def test_exports_are_tables_and_the_curves_of_all_runs(make_run, tmp_path):
    for optimizer in ("adam", "sgd"):
        for seed in range(2):
            make_run(optimizer, seed=seed)
    results, out = load([tmp_path / "sweep"]), tmp_path / "out"
    out.mkdir()
    write_exports(results, compare(results), out)
    assert {path.name for path in out.iterdir()} == set(FILES)
    curves = pl.read_parquet(out / "curves.parquet")
    assert curves.columns[:6] == ["id", "problem", "optimizer", "series", "seed", "step"]
    assert curves["id"].n_unique() == 4
    assert set(curves["series"]) == {"adam (2 seeds)", "sgd (2 seeds)"}
    assert curves.filter(pl.col("step") == 0)["valid/loss"].drop_nulls().len() == 4


def test_exports_of_runs_without_curves_have_the_columns_of_identity(make_run, tmp_path):
    make_run(curves=[])
    results = load([tmp_path / "sweep"])
    write_exports(results, compare(results), tmp_path)
    assert "series" in pl.read_parquet(tmp_path / "curves.parquet").columns
