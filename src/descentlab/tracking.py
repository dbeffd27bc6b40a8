"""Weights & Biases: one W&B run for each run, named, grouped and always finished. Never asks, never waits for a network."""

from __future__ import annotations

import netrc
import os
from typing import Any

from descentlab.sweeps.plan import Job

AXES = ("step", "examples", "train_seconds")


def has_key() -> bool:
    """Whether W&B could log in without asking: a key in the environment or in netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("//")[-1].split("/")[0]
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def mode() -> str:
    """online, offline or disabled: what WANDB_MODE says, else whether there is a key."""
    return os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


class Tracker:
    """The W&B run of `job`."""

    def __init__(self, job: Job) -> None:
        import wandb

        directory = job.folder.parent / "wandb"
        directory.mkdir(exist_ok=True)
        self.run = wandb.init(
            mode=mode(),  # pyright: ignore[reportArgumentType]
            id=job.tracking_id,
            name=job.name,
            group=job.sweep,
            job_type="train",
            tags=[f"{group}:{job.choices[group]}" for group in ("problem", "optimizer") if group in job.choices],
            project=job.config["logger"]["project"],
            entity=job.config["logger"].get("entity"),
            config={**job.config, "choices": job.choices},
            dir=str(job.folder.parent.resolve()),
            settings=wandb.Settings(silent=True, console="off", init_timeout=60),
        )
        for axis in AXES:
            self.run.define_metric(axis, hidden=True)
        for prefix in ("train/*", "valid/*"):
            self.run.define_metric(prefix, step_metric="step")

    def write(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            values = {key: value for key, value in row.items() if key != "batches"}
            self.run.log(values, step=row["step"])  # W&B's own counter, which wandb leet draws against, is our step

    def finish(self, summary: dict[str, Any], exit_code: int) -> None:
        """Close the W&B run with its summary, marked failed if `exit_code` is not 0."""
        self.run.summary.update({key: value for key, value in summary.items() if value is not None})
        self.run.finish(exit_code=exit_code)
