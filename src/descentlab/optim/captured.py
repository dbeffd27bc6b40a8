"""The tensors of a step that probes measure: copies, which are parts of one vector if the network is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from descentlab.compat import foreach

LARGEST = 2**18  # elements of a vector; copying the tensors of a larger network is cheap compared with its steps


@dataclass
class Captured:
    """Tensors of one step for measurements, keyed by parameter name.

    Args:
        before: copies of the weights before the step, if requested; valid until the next step that is measured.
        gradients: copies of the gradients at those weights, before clipping and decay, if requested; in half precision
            without the scaler's factor; valid until then, too.
        after: the weights themselves, after the step.
        seconds: spent on the copies.
    """

    before: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    after: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0


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


class Capture:
    """Copies the weights and the gradients of a network at several steps.

    Args:
        names: of the parameters.
        parameters: the parameters, in the same order.
    """

    def __init__(self, names: Sequence[str], parameters: Sequence[Tensor]) -> None:
        self.names, self.parameters = names, parameters
        self.copies: tuple[Copies, Copies] | None = None  # of the weights and of the gradients of a small network

    @torch.no_grad()
    def weights(self, with_copies: bool) -> Captured:
        """Return the weights and, if requested, copies of them, by parameter name."""
        after = {name: p.detach() for name, p in zip(self.names, self.parameters, strict=True)}
        if not with_copies:
            return Captured(after=after)
        if self.copies is None and fit_into_one_vector(self.parameters):
            self.copies = Copies(after), Copies(after)
        if self.copies is None:
            return Captured({name: weight.clone() for name, weight in after.items()}, after=after)
        self.copies[0].set(self.parameters)
        return Captured(self.copies[0], after=after)

    @torch.no_grad()
    def gradients(self, scale: float) -> dict[str, Tensor]:
        """Return copies of the gradients by parameter name, divided by `scale`, the factor of half precision."""
        grads = {name: p.grad for name, p in zip(self.names, self.parameters, strict=True) if p.grad is not None}
        fits = scale == 1.0 and len(grads) == len(self.names) and not any(grad.is_sparse for grad in grads.values())
        if self.copies is not None and fits:
            self.copies[1].set(list(grads.values()))
            return self.copies[1]
        return {name: grad.clone() if scale == 1.0 else grad / scale for name, grad in grads.items()}
