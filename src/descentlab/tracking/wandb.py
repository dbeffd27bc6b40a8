"""Weights & Biases: one W&B run for each run, named, grouped and always finished. Never prompts; offline without a network.

Only processes that write W&B runs import wandb: those of runs logged while they train, and that of `tracking.writer_process`.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import html
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from descentlab.compat import list_packages_once
from descentlab.store.core import LoggerConfig
from descentlab.store.job import Job
from descentlab.store.record import Status
from descentlab.tracking import names
from descentlab.tracking.credentials import WITHOUT_SERVER, may_have_credentials

Row = Mapping[str, Any]
PATIENCE = 15.0  # seconds to wait for the server before continuing offline


def mode() -> str:
    """Return the value of WANDB_MODE if it is set; otherwise "online" if there is an API key, else "offline"."""
    if os.environ.get("WANDB_MODE"):
        return os.environ["WANDB_MODE"]
    if not may_have_credentials():
        return "offline"
    import wandb

    try:
        return "online" if wandb.login(prompt=False, verify=False) else "offline"
    except wandb.Error as error:
        print(f"Weights & Biases offline: {error}", file=sys.stderr)
        return "offline"


def is_live(logger: LoggerConfig) -> bool:
    """Return True if a run with this logger is logged while it trains: logger.live=true, or W&B is online."""
    if not logger.project or os.environ.get("WANDB_MODE") == "disabled":
        return False
    return logger.live or mode() not in WITHOUT_SERVER


P = ParamSpec("P")


def disabled_on_error(method: Callable[Concatenate[Tracker, P], None]) -> Callable[Concatenate[Tracker, P], None]:
    """Print the first error of W&B and stop writing this W&B run.

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
        rows: the rows written before the checkpoint that the run resumes from, if there is one; all rows of an ended run.
        live: True if the run is training, False if it has ended: it is then written offline, without measurements of this
            process.

    Attributes:
        lost: the error that ended tracking; empty if there was none.
    """

    def __init__(self, job: Job, rows: Sequence[Row] = (), live: bool = True) -> None:
        self.lost = ""
        self.run: Any = None
        self.tiles = names.tiles((job.config.get("task") or {}).get("monitor") or "loss")
        self._start(job, rows, live)

    @disabled_on_error
    def _start(self, job: Job, rows: Sequence[Row], live: bool) -> None:
        (job.folder.parent / "wandb").mkdir(exist_ok=True)
        os.environ.pop("WANDB_SERVICE", None)  # the W&B service of the process that started this one, and may end before it
        forget(job.folder.parent, names.run_id(job.tracking_id))
        self.run = _started(job, bool(rows), live)
        define_axes(self.run, ("train/*", "valid/*", *self.tiles.values()))
        self.write([row for row in rows if row["step"] >= self.run.step])

    @disabled_on_error
    def write(self, rows: Sequence[Row]) -> None:
        """Log curve rows; a metric that is undefined at a step is left out of its row."""
        for row in rows:
            known = {key: value for key, value in row.items() if key != "batches" and value is not None}
            values = {names.AXES.get(key, key): value for key, value in known.items()}
            values |= {title: known[key] for key, title in self.tiles.items() if key in known}
            self.run.log(values, step=row["step"])  # sets W&B's own step counter to our step

    @disabled_on_error
    def show(self, files: Sequence[Path]) -> None:
        """Add those of `files` that are images or texts to the summary of the W&B run."""
        import wandb

        for file in files:
            if file.suffix == ".png":
                shown = wandb.Image(str(file))
            elif file.suffix == ".txt":
                shown = wandb.Html(f"<pre>{html.escape(file.read_text())}</pre>")
            else:
                continue
            self.run.summary[f"exhibits/{file.stem}"] = shown

    @disabled_on_error
    def alert(self, alert: Any) -> None:
        """Send an alert, a dataclass of diagnostics.alerts, as one of W&B."""
        self.run.alert(title=f"{alert.rule} at step {alert.step}", text=str(alert), level="WARN")

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
    """Return `summary` without entries that are None, at any depth; a status as in the record, not as the name of an enum."""
    known = {key: str(value) if isinstance(value, Status) else value for key, value in summary.items() if value is not None}
    return {key: _known(value) if isinstance(value, Mapping) else value for key, value in known.items()}


def define_axes(run: Any, charted: Sequence[str]) -> None:
    """Set the default x axis of the names or globs `charted` to the step; the other axes can be chosen, and have no charts."""
    for axis in names.AXES.values():
        run.define_metric(axis, hidden=True)
    for name in charted:
        run.define_metric(name, step_metric=names.AXES["step"])


def forget(sweep: Path, id: str) -> None:
    """Remove the offline files of earlier W&B runs with this id: their content is logged again."""
    for stale in (sweep / "wandb").glob(f"*run-*-{glob.escape(id)}"):
        shutil.rmtree(stale, ignore_errors=True)


def _started(job: Job, resumed: bool, live: bool) -> Any:
    """Return the W&B run of `job`; offline if it has ended, or if the server cannot be reached."""
    role = names.role_of(job)
    return start(
        job.folder.parent,
        mode() if live else "offline",
        resumed,
        measured=live,
        id=names.run_id(job.tracking_id),
        name=names.shortened(job.name, names.LONGEST),
        group=names.group_of(job, role),
        job_type="trial" if role == "trial" else "train",
        tags=names.tags_of(job, job.sweep, role),
        project=job.core.logger.project,
        entity=job.core.logger.entity,
        config={**job.config, "choices": job.choices},
    )


def start(sweep: Path, wanted: str, resumed: bool = False, measured: bool = False, **about: Any) -> Any:
    """Return a new W&B run, whose files are in the folder of the sweep; offline if the server cannot be reached.

    Args:
        sweep: the folder.
        wanted: the value of `mode`.
        resumed: True if the run continues the one with the same id on the server; otherwise it replaces that one.
        measured: True if W&B measures the use of this machine by this process, which must be that of the run.
        about: further arguments of wandb.init.
    """
    import wandb

    list_packages_once()

    def init(mode: str) -> Any:
        return wandb.init(
            mode=mode,  # pyright: ignore[reportArgumentType]
            resume="allow" if resumed and mode == "online" else None,
            dir=str(sweep.resolve()),
            settings=wandb.Settings(silent=True, console="off", init_timeout=PATIENCE, x_disable_stats=not measured),
            **about,
        )

    try:
        return init(wanted)
    except wandb.Error as error:
        if wanted != "online":
            raise
        print(f"Weights & Biases offline: {error}", file=sys.stderr)
        wandb.teardown()  # otherwise W&B's service process keeps the run that it could not start
        return init("offline")
