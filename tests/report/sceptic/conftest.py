"""Fixtures of the tests of the sceptic: flags of a sweep that a test has written, and tuned sweeps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from descentlab.report.answer import Flag
from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.sceptic import find_flags
from descentlab.store.manifest import Arm, Manifest, Trial
from descentlab.store.record import Record

TUNING_SEED = 1000


@pytest.fixture
def flags(tmp_path: Path) -> Callable[[str], list[Flag]]:
    """Return the flags of one kind that the sweep in tmp_path/sweep raises."""

    def of_kind(kind: str) -> list[Flag]:
        (answer,) = compare(load([tmp_path / "sweep"]))
        return [flag for flag in find_flags(answer) if flag.kind == kind]

    return of_kind


@pytest.fixture
def make_arm(make_run: Callable[..., Record]) -> Callable[..., Arm]:
    """Write the runs of an arm, whose search space is the learning rate, and return it; `make_sweep` writes the manifest."""
    ids = itertools.count()

    def make(
        optimizer: str,
        rates: Sequence[float],
        best: float,
        *,
        space: Any = (1e-3, 1.0),
        tuning_seed: int = TUNING_SEED,
        seeds: Sequence[int] = (0, 1),
        more: Sequence[dict[str, Any]] = (),
    ) -> Arm:
        def run(lr: float, seed: int, **changed: Any) -> str:
            id = f"{next(ids):04d}{optimizer}"
            value = 0.9 - 0.1 * abs(lr - best)
            result = {
                "best_valid": value,
                "test": {"accuracy": value + 0.001 * seed},
                "steps": 100,
                "gradient_evaluations": 100,
            }
            make_run(optimizer, lr=lr, seed=seed, id=id, **{"summary": result} | changed)
            return id

        changes = [*more, *[{}] * (len(rates) - len(more))]
        trials = [
            Trial(index, {"optimizer.lr": lr}, [run(lr, tuning_seed, **changes[index])], -abs(lr - best))
            for index, lr in enumerate(rates)
        ]
        report = [run(best, seed) for seed in seeds]
        search = {"optimizer.lr": list(space) if isinstance(space, tuple) else space}
        return Arm(optimizer, "digits_mlp", optimizer, [], search, trials, list(rates).index(best), report)

    return make


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., None]:
    """Write the manifest of a tuned sweep with these arms."""

    def make(*arms: Arm) -> None:
        Manifest("sobol", "scipy 1", 0, [TUNING_SEED], [0, 1], list(arms)).write(tmp_path / "sweep")

    return make


@pytest.fixture
def rewrite() -> Callable[..., None]:
    """Write a record again with other fields."""

    def write(record: Record, **fields: Any) -> None:
        replace(record, **fields).write(record.folder)

    return write
