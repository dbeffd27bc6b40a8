"""Fixtures of the report's tests: records in the format of real runs, without training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from support.page_kinds import PageOf, write_page
from support.tuned_sweep import write_tuned

from descentlab.report.compare import compare
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Drawing
from descentlab.report.drawing.style import styles
from descentlab.report.load import load
from descentlab.report.panels import draw_panels
from descentlab.store.record import Record, RowWriter, Status

MakeRun = Callable[..., Record]


def curve_rows(steps: int, scale: float, seed: int) -> list[dict[str, Any]]:
    """Return a training row every 10 steps and a validation row every 20 steps; the loss decays exponentially."""
    rows: list[dict[str, Any]] = []
    for step in range(0, steps + 1, 10):
        axes = {
            "step": step,
            "examples": 32 * step,
            "epoch": step / 40,
            "gradient_evaluations": step,
            "train_seconds": step * (0.001 + 0.0001 * seed),
        }
        loss = scale * math.exp(-step / 100) + 0.01 * seed
        rows.append(axes | {"train/loss": loss, "train/lr": 0.1, "train/grad_norm": 2 * loss})
        if step % 20 == 0:
            rows.append(axes | {"valid/loss": loss, "valid/accuracy": 1 - loss / 4})
    return rows


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run into tmp_path/<sweep> and return its record; `config` and `summary` are merged into the defaults."""
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
        writer = RowWriter(folder)
        writer.write(curve_rows(200, 2.0, seed) if curves is None else curves)
        if status.is_result:
            writer.seal()
        return record

    return make


@pytest.fixture
def make_tuned(make_run: MakeRun, tmp_path: Path) -> Callable[..., Path]:
    """Write a tuned sweep into tmp_path/tuned and return the folder; see `write_tuned` for the arguments."""
    return partial(write_tuned, make_run, tmp_path / "tuned")


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> PageOf:
    """Return the path of the page of a kind of sweep, see `page_kinds.KINDS`; each is written once."""
    return cache(lambda kind: write_page(kind, tmp_path_factory.mktemp("page")))


@pytest.fixture
def draw(tmp_path: Path) -> Callable[[], dict[str, Drawing]]:
    """Draw the panels of the first comparison in tmp_path/sweep, by title; no panel may fail."""

    def draw_sweep() -> dict[str, Drawing]:
        answers = compare(load([tmp_path / "sweep"]))
        panels, failures = draw_panels(PanelData(answers[0], styles(answers)))
        assert failures == []
        return {panel.title: panel for panel in panels}

    return draw_sweep
