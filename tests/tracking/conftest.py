"""Fixtures of the W&B tests: sweeps whose runs appear to have been logged to W&B, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from descentlab.store.record import Record, RowWriter, Status


@pytest.fixture
def no_credentials(monkeypatch, tmp_path) -> None:
    """Hide all credentials of W&B."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def make_tracked(job) -> Callable[..., Path]:
    """Write a sweep of digits_mlp with a run per optimizer and seed, and return its folder: make_tracked(adam=.98, sgd=.9).

    The values are the mean test accuracies. The folder wandb/ has an entry as if a run had been logged offline, unless
    `is_tracked` is False.
    """

    def make(*words: str, seeds: int = 3, is_tracked: bool = True, **scores: float) -> Path:
        for position, (optimizer, score) in enumerate(scores.items(), 1):
            for seed in range(seeds):
                made = job("logger=wandb", f"optimizer={optimizer}", f"seed={seed}", f"data_seed={seed}", "sweep=s", *words)
                _write(made.record(Status.COMPLETED, ""), made.folder, score + 0.001 * seed * position)
        if is_tracked:
            (made.folder.parent / "wandb" / "offline-run-20260101_000000-a").mkdir(parents=True)
        return made.folder.parent

    return make


def _write(record: Record, folder: Path, score: float) -> None:
    monitor = record.config["task"]["monitor"]
    record.summary = {"monitor": monitor, "mode": "max", "best_valid": score, "test": {monitor: score}, "train_seconds": 1.0}
    record.summary |= {"steps": 20, "gradient_evaluations": 20}
    record.write(folder)
    rows = RowWriter(folder)
    for step in range(0, 21, 10):
        axes = {
            "step": step,
            "examples": 32 * step,
            "epoch": step / 40,
            "gradient_evaluations": step,
            "train_seconds": step / 99,
        }
        rows.write([axes | {"train/loss": 2 - score - step / 20, f"valid/{monitor}": score * step / 20}])
    rows.seal()
