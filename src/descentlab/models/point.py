"""A point on a test function, which shows the behaviour of an optimizer without a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from descentlab.config.types import Count


@dataclass(frozen=True)
class Surface:
    """A test function of points (..., n) -> (...), and its known properties.

    Args:
        formula: the function.
        minima: the global minima, each (2,); for functions of any n, a single one with equal coordinates, as (1,).
        start: the usual starting point, repeated to n coordinates.
        bounds: limits of the plot, along both axes.
        lowest: the value at the minima.
    """

    formula: Callable[[Tensor], Tensor]
    minima: Sequence[Sequence[float]]
    start: Sequence[float]
    bounds: tuple[float, float]
    lowest: float = 0.0


def rosenbrock(p: Tensor) -> Tensor:
    """sum 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 (Rosenbrock 1960)."""
    return (100 * (p[..., 1:] - p[..., :-1] ** 2) ** 2 + (1 - p[..., :-1]) ** 2).sum(-1)


def beale(p: Tensor) -> Tensor:
    """(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2 (Beale 1958)."""
    x, y = p[..., 0], p[..., 1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(p: Tensor) -> Tensor:
    """(x^2 + y - 11)^2 + (x + y^2 - 7)^2 (Himmelblau 1972): four minima."""
    x, y = p[..., 0], p[..., 1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rastrigin(p: Tensor) -> Tensor:
    """10 n + sum(x^2 - 10 cos(2 pi x)) (Rastrigin 1974): a local minimum near every point with integer coordinates."""
    return (10 + p**2 - 10 * torch.cos(2 * math.pi * p)).sum(-1)


def ackley(p: Tensor) -> Tensor:
    """20 + e - 20 exp(-0.2 sqrt(mean x^2)) - exp(mean cos(2 pi x)) (Ackley 1987)."""
    radius = (p**2).mean(-1).clamp_min(1e-20).sqrt()
    return 20 + math.e - 20 * torch.exp(-0.2 * radius) - torch.exp(torch.cos(2 * math.pi * p).mean(-1))


def saddle(p: Tensor) -> Tensor:
    """x^2 / 2 - y^2 / 2 + y^4 / 4: a saddle point at 0 between two minima; bounded below, unlike x^2 - y^2."""
    x, y = p[..., 0], p[..., 1]
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def monkey_saddle(p: Tensor) -> Tensor:
    """x^3 - 3 x y^2 + (x^2 + y^2)^2 / 4: at 0 gradient and Hessian vanish; three minima at a distance of 3."""
    x, y = p[..., 0], p[..., 1]
    return x**3 - 3 * x * y**2 + (x**2 + y**2) ** 2 / 4


def ill_conditioned(p: Tensor) -> Tensor:
    """(x^2 + 1000 y^2) / 2: a condition number of 1000."""
    return (p[..., 0] ** 2 + 1000 * p[..., 1] ** 2) / 2


def flat(p: Tensor) -> Tensor:
    """0: the loss of a `Point` is the product of the data and the point, as in online linear optimization."""
    return 0 * p.sum(-1)


SURFACES = {
    "rosenbrock": Surface(rosenbrock, [[1.0]], [-1.2, 1.0], (-2.0, 3.0)),
    "beale": Surface(beale, [[3.0, 0.5]], [1.0, 1.0], (-1.0, 4.0)),
    "himmelblau": Surface(
        himmelblau,
        [[3.0, 2.0], [-2.805118, 3.131313], [-3.779310, -3.283186], [3.584428, -1.848127]],
        [0.0, 0.0],
        (-5.0, 5.0),
    ),
    "rastrigin": Surface(rastrigin, [[0.0]], [2.3, -1.7], (-4.0, 4.0)),
    "ackley": Surface(ackley, [[0.0]], [2.3, -1.7], (-4.0, 4.0)),
    "saddle": Surface(saddle, [[0.0, 1.0], [0.0, -1.0]], [1.0, 0.001], (-1.6, 1.6), lowest=-0.25),
    "monkey_saddle": Surface(
        monkey_saddle,
        [[-3.0, 0.0], [1.5, 1.5 * 3**0.5], [1.5, -1.5 * 3**0.5]],
        [0.1, 0.02],
        (-4.0, 4.0),
        lowest=-6.75,
    ),
    "flat": Surface(flat, [[-1.0]], [0.0], (-1.0, 1.0)),  # -1 is the best point of data=online_linear
    "ill_conditioned": Surface(ill_conditioned, [[0.0, 0.0]], [1.0, 1.0], (-1.2, 1.2)),
}


class Point(nn.Module):
    """x (batch, dimensions) -> (batch,): f(point) - min f + x . point, so that x is the noise of the gradient.

    Args:
        function: a key of SURFACES.
        dimensions: 2; also other numbers for rosenbrock, rastrigin, ackley and flat.
        start: the coordinates of the starting point; None: the usual ones of the function.

    Raises:
        ValueError: if the function is defined in two dimensions only, or `start` does not have `dimensions` coordinates.
    """

    def __init__(self, function: str, dimensions: Count = 2, start: Sequence[float] | None = None) -> None:
        super().__init__()
        self.surface = surface = SURFACES[function]
        if dimensions != 2 and len(surface.minima[0]) == 2:
            raise ValueError(f"{function} is a function of two numbers, not of {dimensions}")
        if start is not None and len(start) != dimensions:
            raise ValueError(f"start={list(start)} has {len(start)} coordinates, not {dimensions}")
        chosen = surface.start if start is None else start
        times = -(-dimensions // len(chosen))
        self.point = nn.Parameter(torch.tensor([*map(float, chosen)] * times)[:dimensions])

    def forward(self, x: Tensor) -> Tensor:
        return self.surface.formula(self.point) - self.surface.lowest + x @ self.point

    def distance(self) -> Tensor:
        """Return the Euclidean distance to the nearest minimum, a scalar."""
        minima = torch.tensor(self.surface.minima).to(self.point)
        return (self.point.detach() - minima.expand(-1, len(self.point))).norm(dim=1).min()
