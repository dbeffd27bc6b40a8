"""Layers: the modules of a model that own trained parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from descentlab.compat import foreach, is_vmapped

ALL = "all"  # the row of layers.parquet for the whole model


def layer_of(name: str) -> str:
    """Return the layer of a parameter: the module that holds it, or the parameter's name if the model itself holds it."""
    return name.rpartition(".")[0] or name


def layers_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the parameter names of each layer, for example {"head": ["head.weight", "head.bias"]}, in the given order."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(layer_of(name), []).append(name)
    return found


def norms(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the Euclidean norm of the tensors of each layer, taken as one vector. Collective if they are sharded.

    Args:
        tensors: by parameter name.
    """
    if not tensors:
        return {}
    return {layer: total.sqrt() for layer, total in sums(list(tensors), tensor_norms(list(tensors.values())) ** 2).items()}


def sums(names: Sequence[str], values: Tensor) -> dict[str, Tensor]:
    """Return the sum over each layer of a number of each parameter.

    Args:
        names: of the parameters.
        values: shape (parameters,).
    """
    layers = {layer: place for place, layer in enumerate(layers_of(names))}
    index = torch.tensor([layers[layer_of(name)] for name in names], device=values.device)
    return dict(zip(layers, values.new_zeros(len(layers)).index_add(0, index, values).unbind(), strict=True))


def tensor_norms(tensors: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of each tensor, shape (tensors,), in at least 32 bits. Collective if they are sharded."""
    if is_vmapped(tensors[0]):  # in a fused group; torch's function of lists has no batching rule
        found = [torch.linalg.vector_norm(tensor) for tensor in tensors]
    else:
        found = [whole(norm) for norm in foreach("norm", tensors)]
    stacked = torch.stack(found)
    return stacked.to(torch.promote_types(stacked.dtype, torch.float32))


def differences(after: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `after` - `before` for each tensor of `before`, by name."""
    new, old = [after[name] for name in before], list(before.values())
    if new and is_vmapped(new[0]):
        return {name: a - b for name, a, b in zip(before, new, old, strict=True)}
    return dict(zip(before, foreach("sub", new, old), strict=True))


def whole(tensor: Tensor) -> Tensor:
    """Return `tensor`, gathered from all processes if it is sharded."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
