"""Descent of a point on a test function: value, trajectory and distance to the minimum."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from descentlab.models.point import Point
from descentlab.tasks.base import Batch, Predict, Scores
from descentlab.tasks.value import Value

GRID = 81  # values along each axis of the plot


class OnSurface(Value):
    """Task that minimizes the value of a `Point`. Curves include its first two coordinates, x and y, for the report."""

    model: Point

    def make_metrics(self) -> dict[str, Metric]:
        return {"distance": MeanMetric()}

    def watched(self) -> dict[str, Tensor]:
        return dict(zip("xy", self.model.point.detach()[:2].clone(), strict=False))

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        super().evaluate(scores, batch, predict)
        scores.metrics["distance"].update(self.model.distance(), len(batch[0]))

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return the surface over the first two coordinates, the others at a minimum: log10 of the height above it.

        Empty for points with one coordinate.
        """
        surface, n = self.model.surface, len(self.model.point)
        if n < 2:
            return {}
        axis = torch.linspace(*surface.bounds, GRID)
        plane = torch.tensor(surface.minima[0]).expand(n).repeat(GRID, GRID, 1)
        plane[..., 1], plane[..., 0] = torch.meshgrid(axis, axis, indexing="ij")
        height = (surface.formula(plane) - surface.lowest).clamp_min(1e-3).log10()
        minima: Any = [minimum for minimum in surface.minima if len(minimum) == 2] or [[surface.minima[0][0]] * 2]
        rounded = [[round(value, 3) for value in row] for row in height.tolist()]
        return {"surface.json": json.dumps({"axis": axis.tolist(), "height": rounded, "minima": minima})}
