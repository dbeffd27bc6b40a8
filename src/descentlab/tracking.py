"""Weights & Biases: one W&B run for each run, named, grouped and always finished. Never asks; without a network, offline."""

from __future__ import annotations

import html
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from descentlab.sweeps.plan import Job

Row = Mapping[str, Any]
AXES = ("step", "examples", "gradient_evaluations", "train_seconds")
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
    """The W&B run of `job`. What goes wrong with it is said once and hurts neither the run nor its record.

    Args:
        job: whose id the W&B run has, so that a run that goes on is one W&B run too.
        rows: what the run has written before, if it goes on from a checkpoint.
    """

    def __init__(self, job: Job, rows: Sequence[Row] = ()) -> None:
        import wandb

        (job.folder.parent / "wandb").mkdir(exist_ok=True)
        _forget(job)
        wanted = mode()
        try:
            self.run = _start(job, wanted, bool(rows))
        except wandb.Error as error:
            if wanted != "online":
                raise
            print(f"Weights & Biases offline: {error}", file=sys.stderr)
            wandb.teardown()  # or its service holds on to the run that it could not start
            self.run = _start(job, "offline", bool(rows))
        self.lost = False
        for axis in AXES:
            self.run.define_metric(axis, hidden=True)
        for prefix in ("train/*", "valid/*"):
            self.run.define_metric(prefix, step_metric="step")
        self.write([row for row in rows if row["step"] >= self.run.step])

    def write(self, rows: Sequence[Row]) -> None:
        with self._no_harm():
            for row in rows:
                values = {key: value for key, value in row.items() if key != "batches"}
                self.run.log(values, step=row["step"])  # W&B's own counter, which wandb leet draws against, is our step

    def exhibit(self, files: Sequence[Path]) -> None:
        """Show pictures and texts beside the numbers."""
        import wandb

        with self._no_harm():
            for file in files:
                picture = file.suffix == ".png"
                shown = wandb.Image(str(file)) if picture else wandb.Html(f"<pre>{html.escape(file.read_text())}</pre>")
                self.run.summary[f"exhibits/{file.stem}"] = shown

    def conclude(self, summary: Mapping[str, Any]) -> None:
        """Leave the numbers to quote."""
        with self._no_harm():
            self.run.summary.update({key: value for key, value in summary.items() if value is not None})

    def finish(self, failed: bool) -> None:
        """Close the W&B run."""
        with self._no_harm():
            self.run.finish(exit_code=int(failed))

    @contextmanager
    def _no_harm(self) -> Iterator[None]:
        """Say what breaks in W&B, the first time, and go on."""
        try:
            yield
        except Exception as error:  # its service may have been killed, its disk may be full
            if not self.lost:
                print(f"Weights & Biases lost, the run goes on: {type(error).__name__}: {error}", file=sys.stderr)
            self.lost = True


def _forget(job: Job) -> None:
    """Remove the offline files of earlier attempts at `job`: all that they hold is told again."""
    for stale in (job.folder.parent / "wandb").glob(f"*run-*-{job.tracking_id}"):
        shutil.rmtree(stale, ignore_errors=True)


def _start(job: Job, mode: str, goes_on: bool) -> Any:
    import wandb

    return wandb.init(
        mode=mode,  # pyright: ignore[reportArgumentType]
        id=job.tracking_id,
        resume="allow" if goes_on and mode == "online" else None,
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
