"""Placement of a process of a run: what a data set has to know of the engine that trains on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from descentlab.data.loading.loader import Batch

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Placement:
    """The device and the precision that a process computes in, and its share of each batch.

    The default is a single process on the CPU, in the precision of the data. Engines replace it before they request batches.

    Attributes:
        device: that batches are served on.
        rank: of the process, from 0.
        world_size: number of processes, each of which gets an equal share of a batch.
        convert: returns a batch in the precision of the run.
    """

    device: torch.device = CPU
    rank: int = 0
    world_size: int = 1
    convert: Callable[[Batch], Batch] = tuple

    @property
    def share(self) -> tuple[int, int]:
        """The rank and the number of processes."""
        return self.rank, self.world_size

    def put(self, batch: Batch) -> Batch:
        """Return `batch` in the precision of the run, on its device. The host does not wait for the copy to a GPU."""
        return tuple(tensor.to(self.device, non_blocking=self.device.type == "cuda") for tensor in self.convert(batch))
