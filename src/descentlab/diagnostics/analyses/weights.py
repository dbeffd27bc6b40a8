"""Weights of a model as points of a vector space: linear combinations and inner products of mappings from names to tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Named = Mapping[str, Tensor]  # weights and buffers by name, as a state dict has them
Evaluate = Callable[[Named], Mapping[str, float]]  # weights -> the mean loss and the metrics of a data split, by name


def combine(terms: Sequence[tuple[float, Named]]) -> dict[str, Tensor]:
    """Return the sum of coefficient times weights over `terms`; tensors of integers are those of the first term."""
    first = terms[0][1]
    return {
        name: sum((coefficient * weights[name] for coefficient, weights in terms), torch.zeros_like(value))
        if value.is_floating_point()
        else value
        for name, value in first.items()
    }


def moved(origin: Named, steps: Sequence[tuple[float, Named]]) -> dict[str, Tensor]:
    """Return `origin` plus the sum of coefficient times direction over `steps`; a direction may lack tensors, which stay."""
    found = dict(origin)
    for coefficient, direction in steps:
        found |= {name: found[name] + coefficient * value for name, value in direction.items()}
    return found


def difference(first: Named, second: Named, names: Sequence[str]) -> dict[str, Tensor]:
    """Return first - second for the tensors `names`."""
    return {name: first[name] - second[name] for name in names}


def inner(first: Named, second: Named) -> float:
    """Return the inner product of two sets of tensors with the same names, in double precision."""
    return sum(float((first[name].double() * second[name].double()).sum()) for name in first)
