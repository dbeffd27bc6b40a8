"""A checkpoint is read back unchanged, as data and never as code; a damaged one is detected and reported."""

from __future__ import annotations

import os
import pickle
import random

import numpy as np
import pytest
import torch

from descentlab.store import checkpoint as checkpoints
from descentlab.store.record import CHECKPOINT, CURVES

STATE = {
    "step": 7,
    "clock": 1.25,
    "written": 8,
    "weights": {"a": torch.arange(2000.0), "b": torch.tensor([1, 2])},
    "outcome": {"best": None, "bound": float("inf"), "stale": [1, (2, "three")]},
    "random": [checkpoints.random_state()],
}


@pytest.fixture(autouse=True)
def rows(tmp_path):
    """The curves of the run: 8 bytes at the checkpoint, and more after it."""
    path = tmp_path / CURVES
    path.write_bytes(b"8 bytes and more")
    return path


def files(folder):
    return {path.name for path in folder.iterdir()} - {CURVES}


@pytest.mark.parametrize("left", [7, 0, None])
def test_a_checkpoint_with_more_rows_than_the_curves_is_not_used(tmp_path, capsys, rows, left):
    checkpoints.write(tmp_path, STATE)
    rows.unlink() if left is None else rows.write_bytes(b"x" * left)
    assert checkpoints.read(tmp_path) is None
    assert "restarts" in capsys.readouterr().err


def same(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return isinstance(second, dict) and first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return type(first) is type(second) and len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and first == second


def test_a_checkpoint_is_read_back_unchanged(tmp_path):
    checkpoints.write(tmp_path, STATE)
    assert same(checkpoints.read(tmp_path), STATE)
    assert files(tmp_path) == {CHECKPOINT}


def test_a_new_checkpoint_replaces_the_old_one(tmp_path):
    checkpoints.write(tmp_path, STATE)
    checkpoints.write(tmp_path, {**STATE, "step": 8})
    with (tmp_path / CHECKPOINT).open("rb") as reading:
        before = (tmp_path / CHECKPOINT).read_bytes()
        checkpoints.write(tmp_path, {**STATE, "step": 9})
        assert reading.read() == before, "a reader sees the old file until the new one is complete"
    assert checkpoints.read(tmp_path)["step"] == 9
    assert files(tmp_path) == {CHECKPOINT}


def test_a_missing_checkpoint_is_not_reported(tmp_path, capsys):
    assert checkpoints.read(tmp_path) is None
    assert capsys.readouterr().err == ""


class Code:
    """Creates a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    "write", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))], ids=["torch", "pickle"]
)
def test_code_in_a_checkpoint_is_not_executed(tmp_path, capsys, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    write({"step": 1, "written": 8, "weights": Code()}, tmp_path / CHECKPOINT)
    assert checkpoints.read(tmp_path) is None
    assert not (tmp_path / "harm").exists()
    assert "restarts" in capsys.readouterr().err


def damaged(path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 1
    else:
        del content[{"empty": 0, "half": len(content) // 2, "last byte": len(content) - 1}[how] :]
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("how", ["flipped", "half", "last byte", "empty"])
def test_a_damaged_checkpoint_is_reported_and_removed(tmp_path, capsys, how):
    checkpoints.write(tmp_path, STATE)
    damaged(tmp_path / CHECKPOINT, how)
    assert checkpoints.read(tmp_path) is None
    message = capsys.readouterr().err
    assert CHECKPOINT in message
    assert "restarts" in message
    assert not (tmp_path / CHECKPOINT).exists()


def test_no_flipped_bit_changes_the_state_that_is_read(tmp_path, capsys):
    """For every byte of a small file, reading returns the state or None."""
    state = {"step": 7, "written": 8, "weights": torch.arange(3.0)}
    checkpoints.write(tmp_path, state)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    wrong = []
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 0x10
        (tmp_path / CHECKPOINT).write_bytes(bytes(content))
        found = checkpoints.read(tmp_path)
        if found is not None and not same(found, state):
            wrong.append(position)
    assert not wrong


@pytest.mark.parametrize("step", ["save", "fsync"])
def test_a_failed_write_leaves_the_previous_checkpoint(tmp_path, monkeypatch, step):
    checkpoints.write(tmp_path, STATE)

    def full(*_):
        raise RuntimeError("PytorchStreamWriter failed writing file") if step == "save" else OSError(28, "No space left")

    monkeypatch.setattr(*((torch, "save") if step == "save" else (os, "fsync")), full)
    with pytest.raises(OSError, match=r"failed writing|No space"):
        checkpoints.write(tmp_path, {**STATE, "step": 8})
    monkeypatch.undo()
    assert checkpoints.read(tmp_path)["step"] == 7
    assert files(tmp_path) == {CHECKPOINT}


def drawn() -> list[object]:
    normal = np.random.standard_normal()
    return [random.random(), random.gauss(0, 1), float(normal), torch.rand(3).tolist(), torch.randn(2).tolist()]


@pytest.mark.parametrize("before", [0, 1])
def test_the_states_of_all_generators_are_restored(tmp_path, before):
    """Also between the two normal draws that a generator makes at once."""
    for _ in range(before):
        drawn()
    checkpoints.write(tmp_path, {"random": checkpoints.random_state(), "written": 8})
    expected = [drawn() for _ in range(3)]
    checkpoints.set_random_state(checkpoints.read(tmp_path)["random"])
    assert [drawn() for _ in range(3)] == expected
