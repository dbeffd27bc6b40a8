"""Operations on lists of tensors: one fused kernel for the whole list where torch has one, a loop under torch.vmap.

The fused kernels (see compat.foreach) have no batching rules.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from descentlab.compat import foreach, is_vmapped

Number = float | Tensor  # a Tensor is a scalar, for example one run's value under torch.vmap


def scale(tensors: list[Tensor], factor: Number) -> list[Tensor]:
    """Return factor * t for each tensor t."""
    if _batched([*tensors, factor]):
        return [tensor * factor for tensor in tensors]
    return foreach("mul", tensors, factor) if tensors else []


def add(tensors: list[Tensor], others: list[Tensor], factor: Number) -> list[Tensor]:
    """Return t + factor * o for each pair of a tensor t and its counterpart o in `others`."""
    if isinstance(factor, Tensor):
        return [tensor + factor * other for tensor, other in zip(tensors, others, strict=True)]
    if _batched([*tensors, *others]):
        return [torch.add(tensor, other, alpha=factor) for tensor, other in zip(tensors, others, strict=True)]
    return foreach("add", tensors, others, alpha=factor) if tensors else []


def interpolate(starts: list[Tensor], ends: list[Tensor], weight: Number) -> list[Tensor]:
    """Return s + weight * (e - s) for each pair of tensors s and e."""
    if isinstance(weight, Tensor):  # lerp does not promote types
        return [torch.lerp(start, end, weight.to(start.dtype)) for start, end in zip(starts, ends, strict=True)]
    if _batched([*starts, *ends]):
        return [torch.lerp(start, end, weight) for start, end in zip(starts, ends, strict=True)]
    return foreach("lerp", starts, ends, weight) if starts else []


def norm(tensors: list[Tensor]) -> Tensor:
    """Return the Euclidean norm of all elements of all tensors, a scalar; of no tensors, 0."""
    if not tensors:
        return torch.tensor(0.0)
    parts = torch.stack([part.to(tensors[0].device) for part in _norms(tensors)])
    return torch.linalg.vector_norm(parts)


@torch.no_grad()
def assign(tensors: list[Tensor], values: list[Tensor]) -> None:
    """Copy `values` into `tensors`, which keep their memory: gradients may be views of the buckets of DDP."""
    if any(isinstance(tensor, DTensor) for tensor in tensors):  # torch has no fused copy of shards
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)
    elif tensors:
        foreach("copy_", tensors, values)


def _norms(tensors: list[Tensor]) -> Iterable[Tensor]:
    """Return the Euclidean norm of each tensor."""
    if _batched(tensors):
        return [torch.linalg.vector_norm(tensor) for tensor in tensors]
    return foreach("norm", tensors)


def _batched(values: Iterable[Number]) -> bool:
    """Return True inside torch.vmap, if one of the values has a dimension that vmap hides."""
    return any(isinstance(value, Tensor) and is_vmapped(value) for value in values)
