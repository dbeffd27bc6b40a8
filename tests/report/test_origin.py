"""Runs are compared on the same data only, and what made them differ is named."""

from __future__ import annotations

import csv

import pytest

from descentlab.report import page, tables
from descentlab.report.load import load
from descentlab.store.record import Status

A, B = "a" * 64, "b" * 64


@pytest.fixture
def on(make_run):
    """Writes a run on a table: its file, its digest."""

    def make(optimizer="adam", *, path="a.csv", digest=A, versions=None, package="", **more):
        node = {"data": {"_target_": "Table", "path": path, "target": "y", **more.pop("node", {})}}
        run = make_run(optimizer, config=node, choices={"data": "csv"}, **more)
        run.data = {"name": "csv", "digest": digest} if digest else {}
        run.versions, run.code = versions or {}, {"package": package} if package else {}
        run.write(run.folder)
        return run

    return make


def compared(folder):
    return {one.name: [series.label for series in one.series] for one in load([folder]).comparisons}


def test_two_tables_are_two_comparisons_with_names_of_their_own(on, tmp_path):
    for path, digest in (("x/a.csv", A), ("x/b.csv", B)):
        on("adam", path=path, digest=digest)
        on("sgd", path=path, digest=digest)
    assert compared(tmp_path / "sweep") == {
        "digits_mlp (a.csv)": ["digits_mlp (a.csv) / adam", "digits_mlp (a.csv) / sgd"],
        "digits_mlp (b.csv)": ["digits_mlp (b.csv) / adam", "digits_mlp (b.csv) / sgd"],
    }
    built = page.build([tmp_path / "sweep"], tmp_path / "sweep").read_text()
    assert "<h2>digits_mlp (b.csv)</h2>" in built
    assert "### digits_mlp (a.csv)" in (tmp_path / "sweep" / "table.md").read_text()
    rows = list(csv.DictReader((tmp_path / "sweep" / "table.csv").open()))
    assert [(row["problem"], row["rank"], row["data"]) for row in rows] == [
        ("digits_mlp (a.csv)", "1", "aaaaaaaa"),
        ("digits_mlp (a.csv)", "2", "aaaaaaaa"),
        ("digits_mlp (b.csv)", "1", "bbbbbbbb"),
        ("digits_mlp (b.csv)", "2", "bbbbbbbb"),
    ]


def test_a_file_that_changed_is_neither_averaged_nor_ranked_with_what_it_was(on, tmp_path):
    on(seed=0, digest=A)
    on(seed=1, digest=B)
    assert compared(tmp_path / "sweep") == {
        "digits_mlp (aaaaaaaa)": ["digits_mlp (aaaaaaaa) / adam"],
        "digits_mlp (bbbbbbbb)": ["digits_mlp (bbbbbbbb) / adam"],
    }


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ({"target": "z"}, ["digits_mlp (y)", "digits_mlp (z)"]),
        ({"split_seed": 1}, ["digits_mlp", "digits_mlp (split_seed=1)"]),
    ],
)
def test_another_target_or_split_of_one_file_is_named(on, tmp_path, node, names):
    on(digest=A)
    on(digest=B, node=node)
    assert sorted(compared(tmp_path / "sweep")) == names


def test_the_same_data_under_two_paths_is_one_comparison(on, tmp_path):
    on("adam", path="a.csv")
    on("sgd", path="copy/a.csv")
    assert list(compared(tmp_path / "sweep")) == ["digits_mlp"]


def test_a_failed_run_belongs_to_the_runs_with_its_data_node(on, tmp_path):
    on("adam", path="a.csv", digest=A)
    on("adam", path="b.csv", digest=B)
    on("sgd", path="b.csv", digest="", status=Status.FAILED, summary={"best_valid": None})
    on("lion", path="c.csv", digest="", status=Status.FAILED, summary={"best_valid": None})
    found = compared(tmp_path / "sweep")
    assert [label.split(" / ")[1] for label in found["digits_mlp (b.csv)"]] == ["adam", "sgd"]
    assert [label.split(" / ")[1] for label in found["digits_mlp (c.csv)"]] == ["lion"]


@pytest.mark.parametrize(
    ("one", "other", "note"),
    [
        ({"package": "1" * 16}, {"package": "2" * 16}, "descentlab (source) differs (11111111: adam; 22222222: sgd)"),
        ({"versions": {"torch": "2.8.0"}}, {"versions": {"torch": "2.9.0"}}, "torch differs (2.8.0: adam; 2.9.0: sgd)"),
        ({"versions": {"mine (source)": "ab" * 8}}, {"versions": {"mine (source)": "cd" * 8}}, "mine (source) differs"),
    ],
)
def test_what_made_the_runs_is_compared_too(on, tmp_path, one, other, note):
    on("adam", **one)
    on("sgd", **other)
    sweep = tmp_path / "sweep"
    grid = tables.grid(load([sweep]).comparisons[0])
    assert len(grid.notes) == 1
    assert grid.notes[0].startswith(f"not strictly comparable: {note}")
    page.build([sweep], sweep)
    assert note in (sweep / "report.html").read_text()
    assert note in (sweep / "table.md").read_text()
    for table in ("table.csv", "runs.csv"):
        assert all("=" in row["not_comparable"] for row in csv.DictReader((sweep / table).open()))


def test_seeds_of_one_series_by_different_code_are_noted(on, tmp_path):
    on(seed=0, package="1" * 16)
    on(seed=1, package="2" * 16)
    grid = tables.grid(load([tmp_path / "sweep"]).comparisons[0])
    assert len(grid.rows) == 1
    assert "(11111111: adam (2 seeds); 22222222: adam (2 seeds))" in grid.notes[0]


def test_a_class_that_only_one_of_them_uses_and_runs_without_a_result_differ_in_nothing(on, tmp_path):
    on("adam", versions={"torch": "2.8.0", "mine (source)": "ab" * 8})
    on("sgd", versions={"torch": "2.8.0"})
    on("lion", versions={"torch": "2.9.0"}, status=Status.FAILED)
    assert tables.grid(load([tmp_path / "sweep"]).comparisons[0]).notes == []
