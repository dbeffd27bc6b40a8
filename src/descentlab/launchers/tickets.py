"""Tickets: files in the folders of runs that name their Slurm jobs, also if the command was killed while it submitted them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from descentlab.launchers.base import Group
from descentlab.store.record import read_json, write_json

FOLDER, TICKET = ".slurm", "slurm.json"  # submitit's folder in a sweep's folder; in a run's, its ticket
OVER = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")


@dataclass(frozen=True)
class SlurmJobs:
    """The jobs and array elements that Slurm remembers.

    Attributes:
        states: the state of each, by id.
        names: the name of each, by id.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def is_alive(self, id: str) -> bool:
        """Return True if the job waits or runs."""
        return self.states.get(id, "COMPLETED") not in OVER


def query() -> SlurmJobs | None:
    """Return this user's jobs; None if Slurm does not answer, because there is none here or its controller is busy."""
    line = ["squeue", "--noheader", "--array", "--states=all", "--me", "--format=%i %T %j"]
    try:
        answer = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [row.split(maxsplit=2) for row in answer.splitlines()]
    return SlurmJobs({row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows if len(row) > 2})


def announce(groups: Sequence[Group], name: str) -> None:
    """Write the tickets of jobs that are about to be submitted under the unique job name `name`, as an array if several."""
    for index, group in enumerate(groups):
        for job in group:
            write_json(job.folder / TICKET, {"submission": name, "index": index if len(groups) > 1 else None})


def confirm(group: Group, id: str) -> None:
    """Write the tickets of jobs that were submitted as the Slurm job `id`."""
    for job in group:
        write_json(job.folder / TICKET, {"id": id})


def has_ticket(folder: Path) -> bool:
    """Return True if the run in `folder` was submitted to Slurm, or was about to be."""
    return (folder / TICKET).exists()


def ticket(folder: Path, jobs: SlurmJobs | None = None) -> str | None:
    """Return the id of the Slurm job of the run in `folder`; None if it was never submitted.

    Args:
        folder: the run's folder.
        jobs: the jobs of Slurm, among which a job is found by its name if the command was killed before it knew the id.
    """
    content = read_json(folder / TICKET)
    if "id" in content or jobs is None:
        return content.get("id")
    index = content.get("index")
    for id, name in jobs.names.items():
        if name == content.get("submission") and (index is None or id.endswith(f"_{index}")):
            return id
    return None


def is_submitted(sweep: Path, id: str) -> bool:
    """Return True if the submission of the Slurm job `id` was completed: without this file of submitit the job fails."""
    return (sweep / FOLDER / f"{id}_submitted.pkl").exists()


def cancel(id: str) -> None:
    """Cancel a job."""
    subprocess.run(["scancel", id], capture_output=True, timeout=60, check=False)


def files_without_run(sweep: Path, folders: Iterable[Path]) -> list[Path]:
    """Return the files of submitit in a sweep's folder that belong to no Slurm job of the runs in `folders`.

    Without such a job, all of submitit's folder is returned.
    """
    ids = {id for folder in folders if (id := ticket(folder))}
    if not ids:
        return [sweep / FOLDER]
    kept = (*(f"{id}_" for id in ids), *(f"{id.partition('_')[0]}_submission" for id in ids))  # an array has one script
    return [path for path in sorted((sweep / FOLDER).iterdir()) if not path.resolve().name.startswith(kept)]
