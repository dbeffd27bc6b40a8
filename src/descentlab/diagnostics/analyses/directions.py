"""Directions in the space of weights: random ones normalized by filter, and the principal ones of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from descentlab.diagnostics.analyses.weights import Named, inner


def filter_normalized(weights: Named, names: Sequence[str], generator: torch.Generator) -> dict[str, Tensor]:
    """Return a random direction whose filters have the norms of those of `weights`.

    Each row d_i of a tensor of two or more dimensions becomes d_i |w_i| / |d_i|. Vectors (biases, scales of norms) do not move,
    as in the authors' code; if a model has vectors only, each is one filter.

    Source: Li et al. (2018), arXiv:1712.09913, section 4.

    Args:
        weights: the centre.
        names: those of the parameters.
        generator: of the random numbers.
    """
    matrices = [name for name in names if weights[name].ndim > 1]
    found: dict[str, Tensor] = {}
    for name in matrices or names:
        value = weights[name]
        rows = value.flatten(1) if value.ndim > 1 else value[None]
        random = torch.randn(rows.shape, generator=generator, dtype=torch.float64).to(value.dtype)
        scale = rows.norm(dim=1, keepdim=True) / random.norm(dim=1, keepdim=True)
        found[name] = (random * scale).reshape(value.shape)
    return found


def orthogonal_to(direction: Named, other: Named) -> dict[str, Tensor]:
    """Return `direction` minus its projection on `other`, with its own norm."""
    share = inner(direction, other) / inner(other, other)
    found = {name: value - share * other[name] for name, value in direction.items()}
    scale = (inner(direction, direction) / inner(found, found)) ** 0.5
    return {name: scale * value for name, value in found.items()}


def principal(steps: Sequence[Named], count: int = 2) -> tuple[list[dict[str, Tensor]], list[float]]:
    """Return the principal directions of a trajectory, of length 1 (Li et al. 2018, section 7).

    They are the leading right singular vectors of the matrix whose rows are `steps`, computed from the Gram matrix of the rows.

    Args:
        steps: the weights at several times minus those at the end; not centred further.
        count: the number of directions.

    Returns:
        the directions, and the fraction of the sum of squares that each explains. Fewer than `count` if the steps span less.
    """
    gram = torch.tensor([[inner(one, other) for other in steps] for one in steps], dtype=torch.float64)
    squares, vectors = torch.linalg.eigh(gram)
    total = float(squares.clamp_min(0).sum())
    directions: list[dict[str, Tensor]] = []
    shares: list[float] = []
    for place in range(len(steps) - 1, max(-1, len(steps) - 1 - count), -1):
        square = float(squares[place])
        if square <= 1e-12 * total or total == 0:
            break
        weights = (vectors[:, place] / square**0.5).tolist()
        directions.append({name: sum(w * step[name] for w, step in zip(weights, steps, strict=True)) for name in steps[0]})  # pyright: ignore[reportArgumentType]
        shares.append(square / total)
    return directions, shares


def project(step: Named, directions: Sequence[Named]) -> list[float]:
    """Return the coordinates of the point of the plane of `directions` that is nearest to `step` (least squares)."""
    gram = torch.tensor([[inner(one, other) for other in directions] for one in directions], dtype=torch.float64)
    right = torch.tensor([inner(one, {name: step[name] for name in one}) for one in directions], dtype=torch.float64)
    return torch.linalg.solve(gram, right).tolist()
