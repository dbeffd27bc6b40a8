"""What this machine has to give to runs: cores, and GPUs of which each may hold several."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """What a run has been given."""

    cores: int
    gpus: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process of its GPUs, as long as it has not touched CUDA."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}


class Slots:
    """Hands out cores and GPUs.

    Args:
        cores: of this machine.
        gpus: as CUDA_VISIBLE_DEVICES names them.
        jobs_per_gpu: runs that may share one.
    """

    def __init__(self, cores: int, gpus: list[str], jobs_per_gpu: int) -> None:
        self.cores, self.most = cores, cores
        self.free = dict.fromkeys(gpus, jobs_per_gpu)
        self.taken = 0

    def take(self, config: Mapping[str, Any]) -> Share | None:
        """A share for a run of `config`, or None if it must wait. One that is larger than the machine gets its turn alone."""
        trainer = config["trainer"]
        cores = min(self.most, trainer["devices"] * cores_of_a_process(config))
        open_gpus = sorted((gpu for gpu, places in self.free.items() if places), key=lambda gpu: -self.free[gpu])
        wanted = min(trainer["devices"], len(self.free)) if trainer["accelerator"] != "cpu" else 0
        if self.taken and (cores > self.cores or wanted > len(open_gpus)):
            return None
        share = Share(cores, tuple(open_gpus[:wanted]))
        self._give(share, -1)
        return share

    def give_back(self, share: Share) -> None:
        self._give(share, 1)

    def _give(self, share: Share, sign: int) -> None:
        self.cores += sign * share.cores
        self.taken -= sign
        for gpu in share.gpus:
            self.free[gpu] += sign


def cores_of_a_process(config: Mapping[str, Any]) -> int:
    """How many cores each process of a run of `config` occupies: its threads, and the workers that read data for it."""
    return config["threads"] + config["data"].get("workers", 0)


def gpus() -> list[str]:
    """The GPUs that this process may use: what CUDA_VISIBLE_DEVICES says, else what nvidia-smi lists."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is not None:
        return [gpu for gpu in said.split(",") if gpu not in ("", "-1")]
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^GPU (\d+):", answer.stdout, re.MULTILINE)
