"""Provisional records of runs that are being trained, for a report of a sweep that has not ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from descentlab.store import progress
from descentlab.store.job import Job
from descentlab.store.record import CONFIG, CURVES, RECORD, Record, Status


def training_runs(sweep: Path) -> list[Record]:
    """Return a record for each run of the sweep that has written curves and has not ended.

    Its status is "training", its reason the progress, such as "step 400 of 1,000". A run that another command has cut off is
    among them.
    """
    started = sorted(path.parent for path in sweep.glob(f"*/{CURVES}"))
    found = (_provisional(folder) for folder in started if not (folder / RECORD).exists())
    return [record for record in found if record is not None]


def read_run(folder: Path) -> Record:
    """Return the record of the run in `folder`, a provisional one if it has not ended.

    Raises:
        OSError: the folder holds no run.
        ValueError: the record or the config is damaged.
    """
    if (folder / RECORD).exists():
        return Record.read(folder)
    found = _provisional(folder)
    if found is None:
        raise ValueError(f"{folder / CONFIG} cannot be read")
    return found


def _provisional(folder: Path) -> Record | None:
    """Return the record of a run in progress; None if its config is being written."""
    try:
        job = Job.load(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return None
    state = progress.read(folder)
    record = job.record(Status.TRAINING, _progress(state))
    record.folder = folder
    if alerts := [alert for alert in state.get("alerts", []) if isinstance(alert, dict)]:
        record.summary["alerts"] = alerts
    return record


def _progress(state: Mapping[str, Any]) -> str:
    step, total, seconds = state.get("step"), state.get("total"), state.get("seconds")
    if step is None:
        return "no step yet"
    if total:
        return f"step {step:,} of {total:,}"
    spent = f"step {step:,}, {state.get('train_seconds', 0.0):.0f}"
    return f"{spent} of {seconds:.0f} s" if seconds else f"step {step:,}"
