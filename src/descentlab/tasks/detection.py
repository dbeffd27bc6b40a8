"""Anchor-free detection: focal loss of classes, generalized IoU loss of boxes (Tian et al., arXiv:1904.01355)."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torchmetrics import Metric
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss
from torchvision.utils import draw_bounding_boxes

from descentlab.config.types import NonNegative, Positive, Share
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.losses.boxes import assign, centreness, decode, detect, encode, locations
from descentlab.tasks.metrics.detection import AveragePrecision
from descentlab.tracking.images import png

PART = 256  # images whose boxes are assigned at a time
SHOWN, ZOOM, SURE = 12, 256, 0.4  # number of drawn images, their height in pixels, lowest score of a drawn box
COLOURS = ("#e6194b", "#3cb44b", "#ffe119", "#4363d8", "#f58231", "#911eb4", "#46f0f0", "#f032e6", "#bcf60c", "#fabebe")


class Detection(Task):
    """Task that compares outputs of models.fcos, (batch, num_classes + 5, height, width), with padded boxes (batch, boxes, 5).

    Args:
        num_classes: number of classes of the data, >= 1.
        class_names: labels of drawn boxes, one for each class.
        stride: stride of the model's output, in pixels.
        radius: the largest distance, in strides, from a location to the centre of a box that is assigned to it; > 0.
        alpha, gamma: parameters of the focal loss, in [0, 1] and >= 0 (Lin et al., arXiv:1708.02002, eq. 5).
        limit: the largest number of detections of an image, >= 1.
        task: arguments of Task.
    """

    def __init__(
        self,
        num_classes: int,
        class_names: Sequence[str],
        stride: int,
        radius: Positive = 1.5,
        alpha: Share = 0.25,
        gamma: NonNegative = 2.0,
        limit: Annotated[int, Interval(ge=1, le=100)] = 100,
        **task: Any,
    ) -> None:
        self.num_classes, self.class_names = num_classes, class_names
        self.stride, self.radius, self.alpha, self.gamma, self.limit = stride, radius, alpha, gamma, limit
        super().__init__(**task)
        self.positives = 1.0  # mean number of locations with a box, per image of the training split

    def setup(self, stage: str) -> None:
        images, targets = self.data.splits.train
        points = locations([-(-side // self.stride) for side in images.shape[2:]], self.stride, torch.empty(0))
        counts = [assign(part, points, self.stride, self.radius)[1].sum() for part in targets.split(PART)]
        self.positives = max(1.0, float(sum(counts)) / len(targets))

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the focal loss over all locations and classes + GIoU loss and BCE of centreness over locations with a box.

        Both sums are divided by the mean number of locations with a box in an image of the training split, then averaged over
        images: a mean per example. The papers divide by the number in the batch, whose expectation is the same; but then a mean
        over processes or microbatches would depend on the division of the batch.
        """
        inputs, targets = batch
        outputs = predict(inputs)
        logits, distances, centre = outputs.flatten(2).transpose(1, 2).split([self.num_classes, 4, 1], -1)
        points = locations(outputs.shape[2:], self.stride, outputs)
        index, positive = assign(targets, points, self.stride, self.radius)
        assigned = targets.gather(1, index[..., None].expand(-1, -1, 5))  # (batch, locations, 5)
        wanted = one_hot(assigned[..., 4].clamp(min=0), self.num_classes) * positive[..., None]
        focal = sigmoid_focal_loss(logits, wanted.to(logits), self.alpha, self.gamma).sum((1, 2))

        image, at = positive.nonzero(as_tuple=True)
        true = assigned[image, at, :4].to(points)
        box_loss = generalized_box_iou_loss(decode(distances[image, at], points[at], self.stride), true)
        middle = centreness(encode(true, points[at], self.stride))
        each = box_loss + binary_cross_entropy_with_logits(centre[image, at, 0], middle, reduction="none")
        located = torch.zeros_like(focal).index_add(0, image, each.to(focal))
        return (focal + located).mean() / self.positives

    def score(self, outputs: Tensor) -> Tensor:
        return detect(outputs, self.stride, self.limit)

    def make_metrics(self) -> dict[str, Metric]:
        return {"average_precision": AveragePrecision()}

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return images of the test split with the true boxes in white and the detected ones in the colour of their class."""
        images, targets = (part[:SHOWN] for part in batch)
        found = self.score(self.model(images)).cpu()
        drawn = [self._draw(*each) for each in zip(images.cpu(), targets.cpu(), found, strict=True)]
        return {"detections.png": png(torch.stack(drawn) / 255, columns=4)}

    def _draw(self, image: Tensor, targets: Tensor, found: Tensor) -> Tensor:
        """Return an enlarged image (3, height, width) with its boxes."""
        zoom = max(1, ZOOM // image.shape[1])
        image = image.expand(3, -1, -1).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
        true, sure = targets[targets[:, 4] >= 0, :4], found[found[:, 4] > SURE]
        classes = sure[:, 5].int().tolist()
        names = [f"{self.class_names[each]} {score:.2f}" for each, score in zip(classes, sure[:, 4].tolist(), strict=True)]
        colours = [COLOURS[each % len(COLOURS)] for each in classes]
        image = draw_bounding_boxes(image, true * zoom, colors="white") if len(true) else image
        return draw_bounding_boxes(image, sure[:, :4] * zoom, names, colours) if len(sure) else image
