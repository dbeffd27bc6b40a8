"""Metrics of detection: mean average precision."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.detection import MeanAveragePrecision
from torchmetrics.utilities import dim_zero_cat

from descentlab.extras import require
from descentlab.tasks.metrics.undefined import no_value


class AveragePrecision(Metric):
    """`map`: mean average precision over classes and overlaps .5, .55, ..., .95, as COCO defines it; `map_50`: at .5 alone.

    torchmetrics computes both; its states are lists of one tensor per image, which processes with unequal shares cannot
    gather. Undefined if no image has a box, where torchmetrics returns -1.
    """

    undefined = "the {split} split has no box"
    full_state_update = False
    detections: list[Tensor]
    targets: list[Tensor]

    def __init__(self, **metric: Any) -> None:
        require("faster_coco_eval", "the task detection")
        super().__init__(**metric)
        self.add_state("detections", [], dist_reduce_fx="cat")
        self.add_state("targets", [], dist_reduce_fx="cat")

    def update(self, detections: Tensor, targets: Tensor) -> None:
        """Add detections (batch, limit, 6), x1, y1, x2, y2, score, class; targets (batch, boxes, 5); class -1 is padding."""
        self.detections.append(detections)
        self.targets.append(targets)

    def compute(self) -> dict[str, Tensor]:
        if not any((part[..., 4] >= 0).any() for part in self.targets):
            return dict.fromkeys(("map", "map_50"), no_value(self))
        detections, targets = dim_zero_cat(self.detections).cpu(), dim_zero_cat(self.targets).cpu()
        metric = MeanAveragePrecision(backend="faster_coco_eval")
        metric.warn_on_many_detections = False
        predicted = (each[each[:, 5] >= 0] for each in detections)
        true = (each[each[:, 4] >= 0] for each in targets)
        metric.update(
            [{"boxes": each[:, :4], "scores": each[:, 4], "labels": each[:, 5].long()} for each in predicted],
            [{"boxes": each[:, :4].float(), "labels": each[:, 4].long()} for each in true],
        )
        found = metric.compute()
        return {name: found[name].to(torch.float32).to(self.device) for name in ("map", "map_50")}
