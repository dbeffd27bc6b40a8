"""Weights & Biases: one W&B run for each run, named, grouped and always finished. Never prompts; offline without a network."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import html
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from descentlab.store.job import Job

Row = Mapping[str, Any]
AXES = ("step", "examples", "gradient_evaluations", "train_seconds")
LONGEST, LONGEST_TAG, HASH = 128, 64, 8  # maximum lengths of an id, a name or a group, and of a tag; length of our hash
RESERVED = r"""[:;,#?/'\\%]"""  # characters not allowed in an id, by wandb's settings and the documentation of wandb.init
PATIENCE = 15.0  # seconds to wait for the server before continuing offline


def mode() -> str:
    """Return the value of WANDB_MODE if it is set; otherwise "online" if there is an API key, else "offline"."""
    import wandb

    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    try:
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    except wandb.Error as error:
        print(f"Weights & Biases offline: {error}", file=sys.stderr)
        return "offline"


P = ParamSpec("P")


def disabled_on_error(method: Callable[Concatenate[Tracker, P], None]) -> Callable[Concatenate[Tracker, P], None]:
    """Print the first error of W&B and disable tracking for the rest of the run.

    Any exception is caught: settings, service, network and disk may all fail.
    """

    @functools.wraps(method)
    def guarded(self: Tracker, *args: P.args, **kwargs: P.kwargs) -> None:
        if self.lost:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.lost = f"{type(error).__name__}: {' '.join(str(error).split())}"
            print(f"Weights & Biases is off for this run, which continues: {self.lost}", file=sys.stderr)

    return guarded


class Tracker:
    """The W&B run of `job`. The first error of W&B is printed, and the run continues without tracking.

    Args:
        job: its tracking id is the id of the W&B run, so that a resumed run continues the same W&B run.
        rows: the rows written before the checkpoint that the run resumes from, if there is one.

    Attributes:
        lost: the error that ended tracking; empty if there was none.
    """

    def __init__(self, job: Job, rows: Sequence[Row] = ()) -> None:
        self.lost = ""
        self.run: Any = None
        self._start(job, rows)

    @disabled_on_error
    def _start(self, job: Job, rows: Sequence[Row]) -> None:
        (job.folder.parent / "wandb").mkdir(exist_ok=True)
        os.environ.pop("WANDB_SERVICE", None)  # the W&B service of the process that started this one, and may end before it
        _forget(job)
        self.run = _started(job, bool(rows))
        for axis in AXES:
            self.run.define_metric(axis, hidden=True)
        for prefix in ("train/*", "valid/*"):
            self.run.define_metric(prefix, step_metric="step")
        self.write([row for row in rows if row["step"] >= self.run.step])

    @disabled_on_error
    def write(self, rows: Sequence[Row]) -> None:
        """Log curve rows; a metric that is undefined at a step is left out of its row."""
        for row in rows:
            values = {key: value for key, value in row.items() if key != "batches" and value is not None}
            self.run.log(values, step=row["step"])  # sets W&B's own step counter, the x axis of wandb leet, to our step

    @disabled_on_error
    def show(self, files: Sequence[Path]) -> None:
        """Add images and texts to the summary of the W&B run."""
        import wandb

        for file in files:
            is_image = file.suffix == ".png"
            shown = wandb.Image(str(file)) if is_image else wandb.Html(f"<pre>{html.escape(file.read_text())}</pre>")
            self.run.summary[f"exhibits/{file.stem}"] = shown

    @disabled_on_error
    def conclude(self, summary: Mapping[str, Any]) -> None:
        """Set the run's summary: its final metrics, and the reasons of those that are undefined."""
        self.run.summary.update(_known(summary))

    def finish(self, failed: bool) -> None:
        """Finish the W&B run, even after an error, since this process may train other runs."""
        if self.run is not None and self.lost:
            with contextlib.suppress(Exception):
                self.run.finish(exit_code=int(failed))
        elif self.run is not None:
            self._finish(failed)

    @disabled_on_error
    def _finish(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


def _known(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return `summary` without entries that are None, at any depth."""
    known = {key: value for key, value in summary.items() if value is not None}
    return {key: _known(value) if isinstance(value, Mapping) else value for key, value in known.items()}


def _forget(job: Job) -> None:
    """Remove the offline files of earlier attempts at `job`: their content is logged again."""
    for stale in (job.folder.parent / "wandb").glob(f"*run-*-{glob.escape(run_id(job))}"):
        shutil.rmtree(stale, ignore_errors=True)


def _started(job: Job, resumed: bool) -> Any:
    """Return the W&B run of `job`; offline if the server cannot be reached."""
    import wandb

    wanted = mode()
    try:
        return _init(job, wanted, resumed)
    except wandb.Error as error:
        if wanted != "online":
            raise
        print(f"Weights & Biases offline: {error}", file=sys.stderr)
        wandb.teardown()  # otherwise W&B's service process keeps the run that it could not start
        return _init(job, "offline", resumed)


def _init(job: Job, mode: str, resumed: bool) -> Any:
    import wandb

    tags = [f"{group}:{job.choices[group]}" for group in ("problem", "optimizer") if group in job.choices]
    return wandb.init(
        mode=mode,  # pyright: ignore[reportArgumentType]
        id=run_id(job),
        resume="allow" if resumed and mode == "online" else None,
        name=shortened(job.name, LONGEST),
        group=shortened(job.sweep, LONGEST),
        job_type="train",
        tags=[shortened(tag, LONGEST_TAG) for tag in tags],
        project=job.core.logger.project,
        entity=job.core.logger.entity,
        config={**job.config, "choices": job.choices},
        dir=str(job.folder.parent.resolve()),
        settings=wandb.Settings(silent=True, console="off", init_timeout=PATIENCE),
    )


def run_id(job: Job) -> str:
    """Return the id of the W&B run of `job`: its tracking id, shortened, without the characters that W&B refuses."""
    wanted = job.tracking_id
    allowed = re.sub(RESERVED, "_", wanted)
    return shortened(allowed if allowed == wanted else f"{allowed}-{_hash(wanted)}", LONGEST)


def shortened(text: str, longest: int) -> str:
    """Return `text`; if it has more than `longest` characters, its beginning and a hash of it."""
    return text if len(text) <= longest else f"{text[: longest - HASH - 1]}-{_hash(text)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH]
