"""Weights of a model as points of a vector space: linear combinations and inner products of mappings from names to tensors."""

from __future__ import annotations

import math
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


def relative_distance(first: Named, second: Named, origin: Named, names: Sequence[str]) -> float:
    """Return |first - second| / |first - origin| over the tensors `names`, in Euclidean norms and double precision.

    Infinite if a weight is not finite; NaN if the first is the origin.
    """
    apart, way = difference(first, second, names), difference(first, origin, names)
    distance, length = inner(apart, apart) ** 0.5, inner(way, way) ** 0.5
    if not math.isfinite(distance) or not math.isfinite(length):
        return math.inf
    return distance / length if length > 0 else math.nan
