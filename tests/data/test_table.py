"""Tables: statistics of train, indicators of missing values, coded categories, disjoint splits."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from conftest import ROOT, compose_config, digests, needs_data

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.cutting import Cut
from descentlab.data.table import Table
from descentlab.launchers.checks.rehearsal import Rehearsals

ROWS = 60


@pytest.fixture
def frame():
    draw = np.random.default_rng(0)
    size = [None if place % 10 == 0 else float(place) for place in range(ROWS)]
    colour = [["red", "green", None][place % 3] for place in range(ROWS)]
    return pl.DataFrame({"size": size, "price": draw.normal(5, 2, ROWS), "colour": colour, "sold": ["yes", "no"] * (ROWS // 2)})


@pytest.fixture
def table(frame, tmp_path):
    frame.write_csv(tmp_path / "x.csv")

    def make(**arguments):
        return Table(**{"path": str(tmp_path / "x.csv"), "target": "price", "kind": "regression", "unit": "price"} | arguments)

    return make


def test_numbers_are_standardised_by_train_and_missing_ones_indicated(table):
    splits = table(drop=["colour", "sold"]).splits
    train = splits.train[0]
    assert train.shape[1] == 2  # the size, and the indicator of missing ones
    assert train.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert train.std(0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-5)
    everything = torch.cat([splits.train[0], splits.valid[0], splits.test[0]])
    gone = everything[:, 1] > 0
    assert int(gone.sum()) == ROWS // 10
    assert len(everything[gone, 0].unique()) == 1, "one value, train's median, stands for all"
    assert torch.isclose(everything[gone, 0][0], train[~(train[:, 1] > 0), 0].median(), atol=0.1)


def test_target_is_standardised_and_its_scale_is_kept(table, frame):
    splits = table().splits
    every = torch.cat([splits.train[1], splits.valid[1], splits.test[1]]) * splits.target_scale
    spread = torch.sort(every.flatten()).values
    truth = torch.tensor(sorted(frame["price"]), dtype=torch.float32)
    assert torch.allclose(spread - spread.mean(), truth - truth.mean(), atol=1e-4)
    assert float(splits.train[1].std(correction=0)) == pytest.approx(1.0, abs=1e-5)


def test_categories_are_one_hot_or_coded(table):
    one_hot = table(drop=["sold", "size"]).splits.train[0]
    assert one_hot.shape[1] == 3  # green, missing, red
    assert all(len(one_hot[:, place].unique()) == 2 for place in range(3))
    coded = table(drop=["sold", "size"], categories="codes")
    assert sorted(coded.splits.train[0][:, -1].unique().tolist()) == [1, 2, 3]
    assert coded.inferred(coded.splits)["cardinalities"] == [4]


def test_category_that_is_not_in_train_is_zero(frame, tmp_path):
    changed = frame.with_columns(
        colour=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("blue")).otherwise("colour"), when=pl.int_range(pl.len()) < 5
    )
    changed.write_csv(tmp_path / "x.csv")
    given = {"path": str(tmp_path / "x.csv"), "target": "price", "kind": "regression", "test_rows": {"when": True}}
    coded = Table(**given, drop=["sold", "size"], categories="codes", unit="price")
    assert coded.splits.test[0].unique().tolist() == [0.0]
    one_hot = Table(**given, drop=["sold", "size"], unit="price").splits
    assert len(one_hot.test[0].unique(dim=0)) == 1
    assert not (one_hot.train[0][:, None] == one_hot.test[0][0]).all(-1).any()


def test_binary_targets_and_classes_are_coded(table):
    binary = table(target="sold", kind="binary", positive="yes").splits
    assert binary.train[1].dtype == torch.float32
    assert float(torch.cat([binary.train[1], binary.valid[1], binary.test[1]]).mean()) == 0.5
    classes = table(target="sold", kind="classes")
    assert classes.splits.train[1].dtype == torch.int64
    assert classes.inferred(classes.splits)["num_outputs"] == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": "prise"}, "data.target=prise: unknown column; did you mean price?"),
        ({"target": "sold"}, "data.target=sold is not numeric: data.kind=binary data.positive=yes task=binary?"),
        ({"target": "colour", "drop": []}, "is missing in 20 rows"),
        (
            {"target": "sold", "kind": "binary", "positive": "maybe"},
            "data.positive=maybe is not a value of the target sold: data.positive=no or data.positive=yes",
        ),
        ({"target": "sold", "kind": "binary", "positive": False}, "no, on and off need quotes"),
        ({"target": "price", "kind": "binary", "positive": "1"}, "the target price has 60 values, not two"),
        ({"target": "size"}, "is missing in 6 rows"),
        ({"path": "/nowhere.csv"}, "data.path=/nowhere.csv cannot be read"),
        ({"drop": ["color"]}, "data.drop=color: unknown column; did you mean colour?"),
    ],
)
def test_invalid_options_are_reported(table, given, message):
    with pytest.raises(DataError, match=message.replace("?", r"\?")):
        _ = table(**given).splits


def test_error_in_a_users_file_is_reported_once_before_training(frame, tmp_path):
    frame.write_csv(tmp_path / "x.csv")
    words = ("data=csv", f"data.path={tmp_path}/x.csv", "data.target=price", "task=regression", "model=linear")
    good, bad = (compose_config(*words, f"data.drop=[{drop}]")[0] for drop in ("colour", "color"))
    found = list(Rehearsals().try_all([good, good, bad, bad]))
    assert [text for kind, text in found if kind == "mistake"] == [
        "data.drop=color: unknown column; did you mean colour?; there are size, price, colour, sold"
    ]
    (note,) = [text for kind, text in found if kind == "note"]
    assert "target   price" in note.splitlines()
    assert [line for line in note.splitlines() if line.startswith("number   size: ") and "missing" in line]


@pytest.mark.parametrize("positive", [True, "true"])
def test_target_of_true_and_false_is_binary(frame, tmp_path, positive):
    frame.with_columns(pl.col("sold") == "yes").write_csv(tmp_path / "x.csv")
    data = Table(path=str(tmp_path / "x.csv"), target="sold", kind="binary", positive=positive)
    every = torch.cat([data.splits.train[1], data.splits.valid[1], data.splits.test[1]])
    assert float(every.sum()) == ROWS / 2


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ";"), ("tsv", "\t"), ("txt", "|")])
def test_separator_of_the_file_is_detected(frame, table, tmp_path, suffix, separator):
    frame.write_csv(tmp_path / f"y.{suffix}", separator=separator)
    assert table(path=str(tmp_path / f"y.{suffix}")).splits.digest() == table().splits.digest()


def test_groups_and_identical_rows_are_never_split(frame, tmp_path):
    twice = pl.concat([frame, frame.sample(20, seed=0)])
    twice.write_csv(tmp_path / "x.csv")
    data = Table(path=str(tmp_path / "x.csv"), target="price", kind="regression", unit="price")
    train, valid, test = map(digests, (data.splits.train, data.splits.valid, data.splits.test))
    assert not train & valid
    assert not (train | valid) & test
    groups = np.repeat(np.arange(12), 5)
    some, rest = Cut(groups, None, seed=0).split_off(np.arange(60), 0.25, min_remaining=1)
    assert (len(some), len(rest)) == (15, 45)
    assert not set(groups[some]) & set(groups[rest])


def registered(name):
    """Return the table that conf/data/NAME.yaml configures."""
    message = yaml.safe_load((ROOT / "conf" / "data" / f"{name}.yaml").read_text())
    del message["_target_"]
    return Table(**message | {"data_dir": str(ROOT / "data")})


TABLES = ["california_housing", "german_credit", "credit_data", "adult", "lending_club", "cells", "protein_homology"]
ROWS_OF = [20_640, 1_000, 4_454, 48_842, 9_857, 2_019, 145_751]


@pytest.mark.parametrize(
    ("name", "rows"), [pytest.param(name, rows, marks=needs_data(name)) for name, rows in zip(TABLES, ROWS_OF, strict=True)]
)
def test_registered_table_is_complete_and_its_splits_are_disjoint(name, rows):
    splits = registered(name).splits
    assert sum(splits.sizes().values()) == rows
    numbers = splits.train[0]
    assert torch.isfinite(numbers).all()
    train, valid, test = map(digests, (splits.train, splits.valid, splits.test))
    assert not train & valid
    assert not (train | valid) & test


@needs_data("protein_homology")
def test_blocks_of_protein_homology_are_never_split():
    data = registered("protein_homology")
    _ = data.splits
    table = data.read()
    blocks = [set(table["EXAMPLE_ID"].cast(int).to_numpy()[rows]) for rows in data.rows]
    assert sum(map(len, blocks)) == 153
    assert not blocks[0] & blocks[1]
    assert not blocks[1] & blocks[2]
    assert any({198, 238} <= part for part in blocks), "two blocks with the same rows are one"


@needs_data("california_housing")
def test_california_is_the_published_set():
    table = registered("california_housing").read()
    assert float(table["MedInc"].cast(float).mean()) == pytest.approx(3.8707, abs=1e-4)
    assert float(table["MedHouseVal"].cast(float).mean()) == pytest.approx(2.0686, abs=1e-4)


def test_csv_file_trains_from_the_command_line(train, frame, tmp_path):
    """The widths of models are inferred from the file, not configured."""
    frame.write_csv(tmp_path / "x.csv")
    csv = ("data=csv", f"data.path={tmp_path}/x.csv", "budget.epochs=3", "batch_size=16")
    numbers = train(*csv, "data.target=price", "task=regression", "model=linear")
    assert set(numbers.record.summary["test"]) == {"loss", "rmse", "mae", "r2"}
    read = {column["name"]: (column["read_as"], column["detail"]) for column in numbers.record.data["columns"]}
    assert read["price"] == ("target", "")
    assert read["colour"] == ("category", "3 categories")
    assert "missing value" in read["size"][1]
    assert numbers.record.data["warnings"] == []
    words = ("data.target=sold", "data.kind=binary", "data.positive=yes", "task=binary", "model=mlp", "sweep=b")
    assert "auroc" in train(*csv, *words).record.summary["test"]
    coded = (*csv, "data.target=sold", "data.kind=classes", "task=classification", "model=embedding_mlp")
    assert train(*coded, "data.categories=codes", "sweep=c").record.status == "completed"
