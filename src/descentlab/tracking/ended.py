"""Write the W&B run of a run that has ended, from the files in its folder."""

from __future__ import annotations

from pathlib import Path

from descentlab.store.alert import alerts_of
from descentlab.store.job import Job
from descentlab.store.record import EXHIBITS, Record, read_curves
from descentlab.tracking.mark import is_unwritten, mark_written
from descentlab.tracking.wandb import Tracker


def write_ended(folder: Path) -> None:
    """Write the offline W&B run of the run in `folder`, and mark it; nothing if W&B already has it.

    It has what `Tracker` logs of a run while it trains. An error of W&B is stored in the mark; the record is not changed.

    Raises:
        OSError: the record cannot be read, or the mark cannot be written.
    """
    record = Record.read(folder)
    if is_unwritten(record, folder):
        mark_written(folder, _write(record, Job.load(folder)))


def _write(record: Record, job: Job) -> str:
    """Write the W&B run, and return the error that ended it, or an empty text."""
    tracker = Tracker(job, read_curves(job.folder).to_dicts(), live=False)
    for alert in alerts_of(record.summary):
        tracker.alert(alert)
    tracker.show(sorted((job.folder / EXHIBITS).glob("*")))
    if record.status.is_result:
        tracker.conclude({**record.summary, "status": record.status})
    tracker.finish(failed=not record.status.is_result)
    return tracker.lost
