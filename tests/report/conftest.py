"""Records of runs that were never trained, written as a real run writes them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from descentlab.store.record import CurveWriter, Record, Status

MakeRun = Callable[..., Record]


def rows(steps: int, scale: float, seed: int) -> list[dict[str, Any]]:
    """Ten steps a row of training, twenty a row of validation."""
    made: list[dict[str, Any]] = []
    for step in range(0, steps + 1, 10):
        axes = {
            "step": step,
            "examples": 32 * step,
            "epoch": step / 40,
            "gradient_evaluations": step,
            "train_seconds": step * (0.001 + 0.0001 * seed),
        }
        loss = scale * math.exp(-step / 100) + 0.01 * seed
        made.append(axes | {"train/loss": loss, "train/lr": 0.1, "train/grad_norm": 2 * loss})
        if step % 20 == 0:
            made.append(axes | {"valid/loss": loss, "valid/accuracy": 1 - loss / 4})
    return made


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run into tmp_path/<sweep> and returns its record; `config` and `summary` override."""
    ids = itertools.count()

    def make(
        optimizer: str = "adam",
        *,
        sweep: str = "sweep",
        problem: str = "digits_mlp",
        seed: int = 0,
        lr: float = 0.1,
        status: Status = Status.COMPLETED,
        config: dict[str, Any] | None = None,
        choices: dict[str, str] | None = None,
        summary: dict[str, Any] | None = None,
        curves: list[dict[str, Any]] | None = None,
        id: str = "",
        reason: str = "",
    ) -> Record:
        known = {"seed": seed, "data_seed": seed, "sweep": sweep, "target": 0.95, "optimizer": {"lr": lr}}
        known |= {"task": {"monitor": "accuracy", "mode": "max"}} | (config or {})
        result: dict[str, Any] = {"monitor": "accuracy", "mode": "max", "target": 0.95, "train_seconds": 1.0}
        result |= {"best_valid": 0.9, "test": {"accuracy": 0.8}, "steps_to_target": None, "seconds_to_target": None}
        id = id or f"{next(ids):010x}"
        folder = tmp_path / sweep / f"{optimizer}-{id}"
        folder.mkdir(parents=True)
        chosen = {"problem": problem, "optimizer": optimizer} | (choices or {})
        record = Record(id, folder.name, sweep, status, chosen, known, reason, result | (summary or {}), folder=folder)
        record.write(folder)
        writer = CurveWriter(folder)
        writer.write(rows(200, 2.0, seed) if curves is None else curves)
        if status.is_result:
            writer.seal()
        return record

    return make
