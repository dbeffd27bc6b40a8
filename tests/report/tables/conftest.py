"""A sweep that several tests of tables read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from descentlab.store.record import Status


@pytest.fixture
def mixed_sweep(make_run: Callable, tmp_path: Path) -> Path:
    """Write two completed seeds and a diverged one of adam, and one run of sgd."""
    for seed, (best, steps) in enumerate([(0.9, 100), (0.94, None)]):
        make_run(seed=seed, summary={"best_valid": best, "steps_to_target": steps, "test": {"accuracy": best - 0.1}})
    make_run(seed=2, status=Status.DIVERGED, summary={"best_valid": 0.1, "diverged_step": 12, "test": {}})
    make_run("sgd", lr=0.5, summary={"best_valid": 0.8})
    return tmp_path / "sweep"
