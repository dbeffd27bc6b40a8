"""Copies of the tensors of a step for measurements, which are parts of one vector if the network is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from descentlab.compat import foreach

LARGEST = 2**18  # elements of a vector; beside the steps of a larger network its copies cost little


class Copies(dict[str, Tensor]):
    """Tensors by name that are parts of one vector, whose norm costs a fraction of that of a list of tensors.

    Args:
        like: tensors by name with the shapes, the type and the device of the copies; see `fit_into_one_vector`.
    """

    def __init__(self, like: Mapping[str, Tensor]) -> None:
        self._vector, self._parts = _vector(list(like.values()))
        self._other, self._other_parts = _vector(list(like.values()))  # what the copies are compared with
        super().__init__(zip(like, self._parts, strict=True))

    def set(self, tensors: Sequence[Tensor]) -> None:
        """Copy `tensors`, which are in the order of the names. Call it without gradients."""
        foreach("copy_", self._parts, tensors)

    def norm(self) -> Tensor:
        """Return the Euclidean norm of all copies taken as one vector, a scalar."""
        return torch.linalg.vector_norm(self._vector)

    def distance(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the Euclidean norm of the difference of `tensors`, in the order of the names, and the copies, a scalar."""
        foreach("copy_", self._other_parts, tensors)
        return torch.dist(self._other, self._vector)


def _vector(like: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return a new vector, and its parts that have the shapes of `like`."""
    sizes = [tensor.numel() for tensor in like]
    vector = torch.empty(sum(sizes), dtype=like[0].dtype, device=like[0].device)
    return vector, [part.view(tensor.shape) for part, tensor in zip(vector.split(sizes), like, strict=True)]


def fit_into_one_vector(tensors: Sequence[Tensor]) -> bool:
    """Return True if `tensors` are few enough, dense, whole, and of one type and device."""
    kinds = {(each.dtype, each.device, each.layout, isinstance(each, DTensor)) for each in tensors}
    return len(kinds) == 1 and kinds.pop()[2:] == (torch.strided, False) and sum(map(Tensor.numel, tensors)) <= LARGEST
