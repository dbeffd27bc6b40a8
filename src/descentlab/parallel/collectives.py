"""Collective operations on plain values. Every process of a run must call them in the same order."""

from __future__ import annotations

import gc
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


def broadcast(value: T) -> T:
    """Return the first process's value."""
    if not dist.is_initialized():
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def maximum(value: int, device: torch.device) -> int:
    """Return the largest value of all processes; `device` is the one that this process trains on."""
    if not dist.is_initialized():
        return value
    largest = torch.tensor(value, device=device)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return int(largest)


def summed(tensor: torch.Tensor) -> torch.Tensor:
    """Return the sum of a tensor over all processes; `tensor` itself in a single process."""
    if not dist.is_initialized():
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total


def everywhere(flags: torch.Tensor) -> torch.Tensor:
    """Return for each of `flags` whether it is True in all processes; `flags` itself in a single process."""
    if not dist.is_initialized():
        return flags
    found = flags.to(torch.uint8)
    dist.all_reduce(found, dist.ReduceOp.MIN)
    return found.bool()


def gather(value: T) -> list[T]:
    """Return the values of all processes, by rank."""
    if not dist.is_initialized():
        return [value]
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, value)
    return gathered


def destroy_process_group() -> None:
    """Destroy the process group, if there is one. Call it before the interpreter exits.

    The process group's threads release Python objects. One that does so while the interpreter exits aborts the process. The
    threads end when nothing refers to the process group; sharded models that are no longer used do until they are collected.
    """
    if dist.is_initialized():
        gc.collect()
        dist.destroy_process_group()
