"""Tables of Hugging Face's hub, through datasets itself: a folder laid out as a data set of the hub stands for one."""

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
    """Two splits whose ages tell them apart, with classes that the data set's card names."""
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


def test_classes_have_their_names_and_rows_say_their_split(folder, tmp_path):
    table = hub.table(str(folder), None, None, tmp_path / "cache")
    assert table.columns == ["age", "town", "paid", hub.SPLIT]
    assert set(table["paid"]) == {"no", "yes"}
    assert table[hub.SPLIT].value_counts().sort("split").rows() == [("test", 20), ("train", 60)]


def test_all_rows_are_laid_together_and_cut(folder, tmp_path):
    data = loans(folder, tmp_path)
    assert sum(data.splits.sizes().values()) == 80
    assert data.splits.train[0].shape[1] == 4  # age; A, B and missing
    assert data.splits.sizes()["test"] == 16


def test_a_published_test_split_stays(folder, tmp_path):
    splits = loans(folder, tmp_path, test_rows={"split": "test"}).splits
    assert splits.sizes()["test"] == 20
    assert float(splits.test[0][:, 0].min()) > float(torch.cat([splits.train[0], splits.valid[0]])[:, 0].max())
    assert splits.train[0].shape[1] == 4, "the split is no input"


def test_what_cannot_be_had_is_said(tmp_path):
    with pytest.raises(DataError, match="nobody/nothing cannot be had through datasets"):
        _ = loans("nobody/nothing", tmp_path).splits


def test_what_is_no_table_is_said(tmp_path):
    pl.DataFrame({"many": [[1, 2], [3]], "paid": ["no", "yes"]}).write_parquet(tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"neither numbers nor texts are in many: 'data.drop=\[many\]"):
        _ = loans(tmp_path, tmp_path).splits


def test_an_unlabelled_row_is_a_missing_target(folder, tmp_path):
    frame = pl.read_csv(folder / "test.csv").with_columns(paid=pl.when(pl.int_range(pl.len()) < 3).then(-1).otherwise("paid"))
    frame.write_csv(folder / "test.csv")
    with pytest.raises(DataError, match=r"data.target=paid is missing in 3 rows .*a label of -1"):
        _ = loans(folder, tmp_path).splits
    assert hub.table(str(folder), None, None, tmp_path / "cache")["paid"].null_count() == 3


def test_a_label_without_a_name_is_told():
    with pytest.raises(DataError, match="paid has labels from 0 to 7, but its card names 2 classes"):
        hub.named_classes(pl.Series("paid", [0, 1, 7]), ["no", "yes"])


def test_a_column_called_split_is_kept(folder, tmp_path):
    for split in ROWS:
        frame = pl.read_csv(folder / f"{split}.csv").rename({"town": "split"})
        frame.write_csv(folder / f"{split}.csv")
    card = (folder / "README.md").read_text().replace("name: town", "name: split")
    (folder / "README.md").write_text(card)
    assert hub.table(str(folder), None, None, tmp_path / "cache").columns == ["age", "split_column", "paid", hub.SPLIT]


def test_it_trains_from_the_command_line(train, folder, tmp_path):
    words = ("data=hub", f"data.hub={folder}", f"data_dir={tmp_path}/data", "data.target=paid", "data.kind=binary")
    run = train(*words, "data.positive=yes", "task=credit", "model=linear", "budget.epochs=2", "batch_size=16")
    assert run.record.status == "completed"
    assert "auroc" in run.record.summary["test"]


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "../nowhere", "~/nowhere"])
def test_a_folder_that_is_not_there_is_told(tmp_path, name):
    with pytest.raises(DataError, match=r"nowhere.* cannot be had through datasets: there is no folder /.*nowhere"):
        _ = loans(name, tmp_path).splits


def test_the_cause_of_an_error_of_datasets_is_shown(folder, tmp_path):
    (folder / "test.csv").write_text("age,town,paid\nold,A,0\n")
    with pytest.raises(DataError) as refused:
        _ = loans(folder, tmp_path).splits
    said = str(refused.value)
    assert "cannot be had through datasets: An error occurred while generating the dataset; " in said
    assert "old" in said or "could not convert" in said.lower() or "cast" in said.lower()
    assert "\n" not in said


def test_causes_are_followed_and_not_repeated():
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
