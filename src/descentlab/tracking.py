"""Weights & Biases: one W&B run for each run, named, grouped and always finished. Never asks; without a network, offline."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

from descentlab.sweeps.plan import Job

AXES = ("step", "examples", "train_seconds")
PATIENCE = 15.0  # seconds to wait for the server before going on offline


def mode() -> str:
    """online, offline or disabled: what WANDB_MODE says, else online if there is a key to log in with."""
    import wandb

    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    try:
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    except wandb.Error as error:
        print(f"Weights & Biases offline: {error}", file=sys.stderr)
        return "offline"


class Tracker:
    """The W&B run of `job`; use as a context manager, which finishes it."""

    def __init__(self, job: Job) -> None:
        import wandb

        (job.folder.parent / "wandb").mkdir(exist_ok=True)
        wanted = mode()
        try:
            self.run = _start(job, wanted)
        except wandb.Error as error:
            if wanted != "online":
                raise
            print(f"Weights & Biases offline: {error}", file=sys.stderr)
            wandb.teardown()  # or its service holds on to the run that it could not start
            self.run = _start(job, "offline")
        for axis in AXES:
            self.run.define_metric(axis, hidden=True)
        for prefix in ("train/*", "valid/*"):
            self.run.define_metric(prefix, step_metric="step")

    def write(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            values = {key: value for key, value in row.items() if key != "batches"}
            self.run.log(values, step=row["step"])  # W&B's own counter, which wandb leet draws against, is our step

    def conclude(self, summary: dict[str, Any]) -> None:
        """Leave the numbers to quote."""
        self.run.summary.update({key: value for key, value in summary.items() if value is not None})

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the W&B run in any case, as failed if an exception passes."""
        self.run.finish(exit_code=0 if kind is None else 1)


def _start(job: Job, mode: str) -> Any:
    import wandb

    return wandb.init(
        mode=mode,  # pyright: ignore[reportArgumentType]
        id=job.tracking_id,
        name=job.name,
        group=job.sweep,
        job_type="train",
        tags=[f"{group}:{job.choices[group]}" for group in ("problem", "optimizer") if group in job.choices],
        project=job.config["logger"]["project"],
        entity=job.config["logger"].get("entity"),
        config={**job.config, "choices": job.choices},
        dir=str(job.folder.parent.resolve()),
        settings=wandb.Settings(silent=True, console="off", init_timeout=PATIENCE),
    )
