"""Records and curves: written atomically, and read back unchanged."""

import json
import math

import pytest

from descentlab.store.record import (
    CURVES,
    PARQUET,
    RECORD,
    Record,
    RowWriter,
    Status,
    find,
    is_better,
    read_curves,
    write_json,
)


def record(**changes) -> Record:
    given = {"id": "0123456789", "name": "adam-0123456789", "sweep": "s", "status": Status.COMPLETED}
    given |= {"choices": {"optimizer": "adam"}, "config": {"seed": 0, "optimizer": {"lr": 0.1}}}
    return Record(**(given | {"summary": {"best_valid": 0.5, "test": None}} | changes))


@pytest.mark.parametrize("status", Status)
def test_a_record_is_read_back_unchanged(tmp_path, status):
    original = record(status=status, reason="so", timings={"fit": 1.5})
    original.write(tmp_path)
    read = Record.read(tmp_path)
    assert read == original
    assert read.status is status
    assert read.folder == tmp_path


def test_a_number_that_json_cannot_represent_is_null(tmp_path):
    record(summary={"nan": math.nan, "valid": {"loss": math.inf}, "several": [1.0, -math.inf]}).write(tmp_path)
    assert Record.read(tmp_path).summary == {"nan": None, "valid": {"loss": None}, "several": [1.0, None]}
    assert "Infinity" not in (tmp_path / RECORD).read_text()


def test_only_completed_and_diverged_are_results():
    assert {status for status in Status if status.is_result} == {Status.COMPLETED, Status.DIVERGED}


def test_a_write_leaves_no_temporary_file(tmp_path):
    record().write(tmp_path)
    record(reason="again").write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]
    assert Record.read(tmp_path).reason == "again"


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / RECORD
    write_json(path, {"old": 1})
    circular = {}
    circular["self"] = circular
    with pytest.raises(ValueError, match="Circular"):
        write_json(path, circular)
    assert json.loads(path.read_text()) == {"old": 1}


@pytest.mark.parametrize("schema", [0, 2, None])
def test_another_schema_is_refused(tmp_path, schema):
    record().write(tmp_path)
    content = json.loads((tmp_path / RECORD).read_text()) | {"schema": schema}
    (tmp_path / RECORD).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"schema {schema}"):
        Record.read(tmp_path)


def test_a_missing_record_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Record.read(tmp_path)


def test_find_returns_the_records_of_a_sweep_by_name(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        record(name=name).write(tmp_path / name)
    (tmp_path / "unfinished").mkdir()
    assert [found.name for found in find(tmp_path)] == ["a", "b"]


ROWS = [
    {"step": 0, "valid/loss": 2.5},
    {"step": 0, "train/loss": 3, "train/lr": 0.1},
    {"step": 10, "train/loss": 0.125, "train/lr": 0.1},
    {"step": 10, "valid/loss": 2.0, "batches": "ab"},
]
COLUMNS = {
    "step": [0, 0, 10, 10],
    "valid/loss": [2.5, None, None, 2.0],
    "train/loss": [None, 3.0, 0.125, None],
    "train/lr": [None, 0.1, 0.1, None],
    "batches": [None, None, None, "ab"],
}


def write_rows(folder, rows) -> RowWriter:
    writer = RowWriter(folder)
    writer.write(rows)
    return writer


def test_rows_that_differ_in_columns_are_read_with_nulls_while_training(tmp_path):
    write_rows(tmp_path, ROWS)
    assert read_curves(tmp_path).to_dict(as_series=False) == COLUMNS


def test_sealing_keeps_the_curves_and_their_rows_until_the_record_is_written(tmp_path):
    write_rows(tmp_path, ROWS).seal()
    assert read_curves(tmp_path).to_dict(as_series=False) == COLUMNS
    assert {path.name for path in tmp_path.iterdir()} == {CURVES, PARQUET}


def test_curves_of_a_killed_run_lack_only_the_incomplete_line(tmp_path):
    write_rows(tmp_path, ROWS)
    with (tmp_path / CURVES).open("a") as file:
        file.write('{"step": 20, "valid/lo')
    assert read_curves(tmp_path).to_dict(as_series=False) == COLUMNS


def test_curves_keep_non_finite_losses(tmp_path):
    write_rows(
        tmp_path, [{"step": i, "train/loss": loss} for i, loss in enumerate([1.0, math.inf, -math.inf, math.nan])]
    ).seal()
    first, up, down, nan = read_curves(tmp_path)["train/loss"]
    assert (first, up, down) == (1.0, math.inf, -math.inf)
    assert math.isnan(nan)


def test_no_rows_are_an_empty_table(tmp_path):
    assert read_curves(tmp_path).height == 0
    RowWriter(tmp_path).seal()
    assert read_curves(tmp_path).height == 0


def test_curves_of_a_second_run_in_the_folder_replace_the_first(tmp_path):
    write_rows(tmp_path, [{"step": 0, "train/loss": 1.0}]).seal()
    write_rows(tmp_path, [{"step": 0, "train/loss": 7.0}]).seal()
    assert read_curves(tmp_path)["train/loss"][-1] == 7.0


@pytest.mark.parametrize(
    ("value", "than", "mode", "better"),
    [
        (1.0, 2.0, "min", True),
        (2.0, 1.0, "min", False),
        (1.0, 2.0, "max", False),
        (2.0, 1.0, "max", True),
        (1.0, 1.0, "min", False),
        (1.0, 1.0, "max", False),
        (5.0, None, "min", True),
        (math.nan, None, "max", False),
        (math.nan, 1.0, "min", False),
        (math.nan, 1.0, "max", False),
    ],
)
def test_is_better_compares_by_mode_and_ignores_undefined_values(value, than, mode, better):
    assert is_better(value, than, mode) is better
