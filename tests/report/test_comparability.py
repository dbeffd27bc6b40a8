"""Runs are compared on the same data only, and differences between their code and libraries are reported."""

from __future__ import annotations

import csv

import pytest

from descentlab.report import page
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.results import results_table
from descentlab.store.record import Status

A, B = "a" * 64, "b" * 64


@pytest.fixture
def run_on(make_run):
    """Write a run on a table, with the table's path and digest."""

    def make(optimizer="adam", *, path="a.csv", digest=A, versions=None, package="", **more):
        node = {"data": {"_target_": "Table", "path": path, "target": "y", **more.pop("node", {})}}
        run = make_run(optimizer, config=node, choices={"data": "csv"}, **more)
        run.data = {"name": "csv", "digest": digest} if digest else {}
        run.versions, run.code = versions or {}, {"package": package} if package else {}
        run.write(run.folder)
        return run

    return make


def labels_by_comparison(folder):
    return {one.name: [series.label for series in one.series] for one in load([folder]).comparisons}


def test_two_tables_are_two_comparisons_with_distinct_names(run_on, tmp_path):
    for path, digest in (("x/a.csv", A), ("x/b.csv", B)):
        run_on("adam", path=path, digest=digest)
        run_on("sgd", path=path, digest=digest)
    assert labels_by_comparison(tmp_path / "sweep") == {
        "digits_mlp (a.csv)": ["digits_mlp (a.csv) / adam", "digits_mlp (a.csv) / sgd"],
        "digits_mlp (b.csv)": ["digits_mlp (b.csv) / adam", "digits_mlp (b.csv) / sgd"],
    }
    built = page.build([tmp_path / "sweep"], tmp_path / "sweep").read_text()
    assert ">digits_mlp (b.csv)</h2>" in built
    assert "### digits_mlp (a.csv)" in (tmp_path / "sweep" / "table.md").read_text()
    rows = list(csv.DictReader((tmp_path / "sweep" / "table.csv").open()))
    assert [(row["problem"], row["rank"], row["data"]) for row in rows] == [
        ("digits_mlp (a.csv)", "1", "aaaaaaaa"),
        ("digits_mlp (a.csv)", "2", "aaaaaaaa"),
        ("digits_mlp (b.csv)", "1", "bbbbbbbb"),
        ("digits_mlp (b.csv)", "2", "bbbbbbbb"),
    ]


def test_runs_before_and_after_a_change_of_the_file_are_not_compared(run_on, tmp_path):
    run_on(seed=0, digest=A)
    run_on(seed=1, digest=B)
    assert labels_by_comparison(tmp_path / "sweep") == {
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
def test_names_contain_the_target_or_the_split_that_differs(run_on, tmp_path, node, names):
    run_on(digest=A)
    run_on(digest=B, node=node)
    assert sorted(labels_by_comparison(tmp_path / "sweep")) == names


def test_the_same_data_under_two_paths_is_one_comparison(run_on, tmp_path):
    run_on("adam", path="a.csv")
    run_on("sgd", path="copy/a.csv")
    assert list(labels_by_comparison(tmp_path / "sweep")) == ["digits_mlp"]


def test_a_failed_run_without_a_digest_joins_runs_with_the_same_data_node(run_on, tmp_path):
    run_on("adam", path="a.csv", digest=A)
    run_on("adam", path="b.csv", digest=B)
    run_on("sgd", path="b.csv", digest="", status=Status.FAILED, summary={"best_valid": None})
    run_on("lion", path="c.csv", digest="", status=Status.FAILED, summary={"best_valid": None})
    found = labels_by_comparison(tmp_path / "sweep")
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
def test_different_code_or_libraries_are_reported_in_every_table(run_on, tmp_path, one, other, note):
    run_on("adam", **one)
    run_on("sgd", **other)
    sweep = tmp_path / "sweep"
    table = results_table(compare(load([sweep]))[0])
    assert len(table.notes) == 1
    assert table.notes[0].startswith(f"not strictly comparable: {note}")
    page.build([sweep], sweep)
    assert note in (sweep / "report.html").read_text()
    assert note in (sweep / "table.md").read_text()
    for file in ("table.csv", "runs.csv"):
        assert all("=" in row["not_comparable"] for row in csv.DictReader((sweep / file).open()))


def test_different_code_within_a_series_is_reported(run_on, tmp_path):
    run_on(seed=0, package="1" * 16)
    run_on(seed=1, package="2" * 16)
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    assert len(table.rows) == 1
    assert "(11111111: adam (2 seeds); 22222222: adam (2 seeds))" in table.notes[0]


def test_classes_of_one_run_and_runs_without_a_result_are_not_reported(run_on, tmp_path):
    run_on("adam", versions={"torch": "2.8.0", "mine (source)": "ab" * 8})
    run_on("sgd", versions={"torch": "2.8.0"})
    run_on("lion", versions={"torch": "2.9.0"}, status=Status.FAILED)
    assert results_table(compare(load([tmp_path / "sweep"]))[0]).notes == []
