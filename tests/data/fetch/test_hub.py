"""Tables of the Hugging Face hub, loaded by datasets from a local folder in the hub's format."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from descentlab.data.fetch import hub
from descentlab.data.fetch.sources import DataError
from descentlab.data.table import Table

pytestmark = pytest.mark.usefixtures("offline")

ROWS = {"train": 60, "test": 20}


@pytest.fixture
def folder(tmp_path):
    """A data set with two splits, whose ages differ, and with class names in its card."""
    made = tmp_path / "loans"
    made.mkdir()
    draw = np.random.default_rng(0)
    for split, rows in ROWS.items():
        age = np.arange(rows, dtype=float) + (1000 if split == "test" else 0)
        frame = pl.DataFrame({"age": age, "town": draw.choice(["A", "B", "?"], rows), "paid": draw.integers(0, 2, rows)})
        frame.write_csv(made / f"{split}.csv")
    features = "    dtype:\n      class_label:\n        names:\n          '0': 'no'\n          '1': 'yes'\n"
    kinds = f"  - name: age\n    dtype: float64\n  - name: town\n    dtype: string\n  - name: paid\n{features}"
    (made / "README.md").write_text(f"---\ndataset_info:\n  features:\n{kinds}---\n")
    return made


def loans(folder, tmp_path, **more):
    where = {"hub": str(folder), "data_dir": str(tmp_path / "data"), "missing": ["?"]}
    return Table(target="paid", kind="binary", positive="yes", **where, **more)


def test_table_has_class_names_and_a_column_of_splits(folder, tmp_path):
    table = hub.table(str(folder), None, None, tmp_path / "cache")
    assert table.columns == ["age", "town", "paid", hub.SPLIT]
    assert set(table["paid"]) == {"no", "yes"}
    assert table[hub.SPLIT].value_counts().sort("split").rows() == [("test", 20), ("train", 60)]


def test_rows_of_all_splits_are_concatenated_and_cut(folder, tmp_path):
    data = loans(folder, tmp_path)
    assert sum(data.splits.sizes().values()) == 80
    assert data.splits.train[0].shape[1] == 4  # age; A, B and missing
    assert data.splits.sizes()["test"] == 16


def test_published_test_split_is_kept(folder, tmp_path):
    splits = loans(folder, tmp_path, test_rows={"split": "test"}).splits
    assert splits.sizes()["test"] == 20
    assert float(splits.test[0][:, 0].min()) > float(torch.cat([splits.train[0], splits.valid[0]])[:, 0].max())
    assert splits.train[0].shape[1] == 4, "the split is not an input"


def test_unknown_data_set_is_reported(tmp_path):
    with pytest.raises(DataError, match="nobody/nothing cannot be loaded by datasets"):
        _ = loans("nobody/nothing", tmp_path).splits


def test_nested_columns_are_refused(tmp_path):
    pl.DataFrame({"many": [[1, 2], [3]], "paid": ["no", "yes"]}).write_parquet(tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"neither numbers nor strings are in many: 'data.drop=\[many\]"):
        _ = loans(tmp_path, tmp_path).splits


def test_unlabelled_row_is_a_missing_target(folder, tmp_path):
    frame = pl.read_csv(folder / "test.csv").with_columns(paid=pl.when(pl.int_range(pl.len()) < 3).then(-1).otherwise("paid"))
    frame.write_csv(folder / "test.csv")
    with pytest.raises(DataError, match=r"data.target=paid is missing in 3 rows .*a label of -1"):
        _ = loans(folder, tmp_path).splits
    assert hub.table(str(folder), None, None, tmp_path / "cache")["paid"].null_count() == 3


def test_label_without_a_name_is_reported():
    with pytest.raises(DataError, match="paid has labels from 0 to 7, but its card names 2 classes"):
        hub.named_classes(pl.Series("paid", [0, 1, 7]), ["no", "yes"])


def test_column_named_split_is_renamed(folder, tmp_path):
    for split in ROWS:
        frame = pl.read_csv(folder / f"{split}.csv").rename({"town": "split"})
        frame.write_csv(folder / f"{split}.csv")
    card = (folder / "README.md").read_text().replace("name: town", "name: split")
    (folder / "README.md").write_text(card)
    assert hub.table(str(folder), None, None, tmp_path / "cache").columns == ["age", "split_column", "paid", hub.SPLIT]


def test_hub_table_trains_from_the_command_line(train, folder, tmp_path):
    words = ("data=hub", f"data.hub={folder}", f"data_dir={tmp_path}/data", "data.target=paid", "data.kind=binary")
    run = train(*words, "data.positive=yes", "task=credit", "model=linear", "budget.epochs=2", "batch_size=16")
    assert run.record.status == "completed"
    assert "auroc" in run.record.summary["test"]


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "../nowhere", "~/nowhere"])
def test_missing_folder_is_reported(tmp_path, name):
    with pytest.raises(DataError, match=r"nowhere.* cannot be loaded by datasets: no such folder: /.*nowhere"):
        _ = loans(name, tmp_path).splits


def test_cause_of_an_error_of_datasets_is_shown(folder, tmp_path):
    (folder / "test.csv").write_text("age,town,paid\nold,A,0\n")
    with pytest.raises(DataError) as refused:
        _ = loans(folder, tmp_path).splits
    message = str(refused.value)
    assert "cannot be loaded by datasets: An error occurred while generating the dataset; " in message
    assert "old" in message or "could not convert" in message.lower() or "cast" in message.lower()
    assert "\n" not in message


def test_causes_are_listed_without_repetition():
    inner, outer = ValueError("no such column: x\nand more"), RuntimeError("generation failed")
    outer.__cause__ = inner
    assert hub.reasons(outer) == "generation failed; no such column: x"
    inner.__cause__ = RuntimeError("generation failed")
    assert hub.reasons(outer) == "generation failed; no such column: x"
    assert hub.reasons(KeyError()) == "KeyError"


@pytest.mark.parametrize(("key", "value"), [("separator", ";"), ("skip", 1), ("header", False), ("encoding", "latin-1")])
def test_keys_of_text_files_are_refused(folder, tmp_path, key, value):
    with pytest.raises(DataError, match=rf"data.{key}=.* has no effect on data.hub=.*; leave it out"):
        _ = loans(folder, tmp_path, **{key: value}).splits
