"""The files next to the page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
    with ThreadPoolExecutor() as threads:
        write_exports(results, compare(results), out, threads).result()
    assert {path.name for path in out.iterdir()} == set(FILES)
    curves = pl.read_parquet(out / "curves.parquet")
    assert curves.columns[:6] == ["id", "problem", "optimizer", "series", "seed", "step"]
    assert curves["id"].n_unique() == 4
    assert set(curves["series"]) == {"adam (2 seeds)", "sgd (2 seeds)"}
    assert curves.filter(pl.col("step") == 0)["valid/loss"].drop_nulls().len() == 4


def test_each_export_replaces_the_earlier_file_at_once(make_run, tmp_path):
    """A reader that has opened the earlier file continues to see its content; here, under another name."""
    make_run("adam")
    out, earlier = tmp_path / "out", tmp_path / "earlier"
    out.mkdir()
    earlier.mkdir()
    for name in FILES:
        (out / name).write_text("earlier")
        (earlier / name).hardlink_to(out / name)
    results = load([tmp_path / "sweep"])
    with ThreadPoolExecutor() as threads:
        write_exports(results, compare(results), out, threads).result()
    assert {path.name: path.read_text() for path in earlier.iterdir()} == dict.fromkeys(FILES, "earlier")
    assert {path.name for path in out.iterdir()} == set(FILES)


def test_exports_of_runs_without_curves_have_the_columns_of_identity(make_run, tmp_path):
    make_run(curves=[])
    results = load([tmp_path / "sweep"])
    with ThreadPoolExecutor() as threads:
        write_exports(results, compare(results), tmp_path, threads).result()
    assert "series" in pl.read_parquet(tmp_path / "curves.parquet").columns
