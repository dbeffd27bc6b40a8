"""Allocation of this machine's cores and GPUs to runs; a GPU may be shared by several runs."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from descentlab.config.machine import cores_of_a_process
from descentlab.store.job import Job


@dataclass(frozen=True)
class Share:
    """The cores and GPUs assigned to a run."""

    cores: int
    gpus: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that restrict a process to its GPUs; they must be set before it initialises CUDA."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}


class Slots:
    """Assigns cores and GPUs to runs, and releases them.

    Args:
        cores: number of cores of this machine.
        gpus: names of its GPUs, as in CUDA_VISIBLE_DEVICES.
        jobs_per_gpu: number of runs that may share a GPU.
    """

    def __init__(self, cores: int, gpus: list[str], jobs_per_gpu: int) -> None:
        self.cores, self.most = cores, cores
        self.free = dict.fromkeys(gpus, jobs_per_gpu)
        self.taken = 0

    def take(self, job: Job) -> Share | None:
        """Return a share for `job`, or None if it must wait. A run that needs more than the machine has runs alone."""
        trainer = job.core.trainer
        cores = min(self.most, trainer.devices * cores_of_a_process(job.config))
        open_gpus = sorted((gpu for gpu, left in self.free.items() if left), key=lambda gpu: -self.free[gpu])
        wanted = min(trainer.devices, len(self.free)) if trainer.accelerator != "cpu" else 0
        if self.taken and (cores > self.cores or wanted > len(open_gpus)):
            return None
        share = Share(cores, tuple(open_gpus[:wanted]))
        self._give(share, -1)
        return share

    def give_back(self, share: Share) -> None:
        """Release the share of a run that ended."""
        self._give(share, 1)

    def _give(self, share: Share, sign: int) -> None:
        self.cores += sign * share.cores
        self.taken -= sign
        for gpu in share.gpus:
            self.free[gpu] += sign


def gpus() -> list[str]:
    """Return the GPUs that this process may use: those in CUDA_VISIBLE_DEVICES, else those that nvidia-smi lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu not in ("", "-1")]
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU (\d+):", answer.stdout, re.MULTILINE)
