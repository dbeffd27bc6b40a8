"""A small detector similar to FCOS (Tian et al., arXiv:1904.01355), with a single scale."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from descentlab.config.types import Count

GROUPS = 8  # number of groups in group normalization
PRIOR = 0.01  # the initial probability of each class at each location (Lin et al., arXiv:1708.02002, section 4.1)


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution, group normalization and ReLU."""
    layers = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(GROUPS, outputs), nn.ReLU()
    return nn.Sequential(*layers)


class FCOS(nn.Module):
    """One-stage detector without anchors.

    It maps images (batch, channels, height, width) to (batch, num_classes + 5, height / stride, width / stride).

    Channels of the output: a logit for each class; the distances to the left, top, right and bottom of the box, in strides;
    the logit of centreness. Distances are softplus(z), not the paper's exp(z), whose gradient grows with the distance. Images
    of uint8 are divided by 255.

    Args:
        image_shape: channels, height and width of an image.
        num_classes: >= 1.
        stride: pixels between two locations; a power of two.
        width: channels at the output's resolution, half as many at each finer one; every one a multiple of 8.
        depth: convolutions in each of the two towers, for classes and for boxes; >= 0.
    """

    def __init__(
        self, image_shape: Sequence[int], num_classes: int, stride: Literal[2, 4, 8, 16], width: Count, depth: Count
    ) -> None:
        super().__init__()
        halvings = int(math.log2(stride))
        widths = [image_shape[0], *(width >> level for level in reversed(range(halvings)))]
        self.backbone = nn.Sequential(*(convolution(n, m, 2) for n, m in pairwise(widths)))
        self.class_tower = nn.Sequential(*(convolution(width, width) for _ in range(depth)))
        self.box_tower = nn.Sequential(*(convolution(width, width) for _ in range(depth)))
        self.classes = nn.Conv2d(width, num_classes, 3, padding=1)
        self.distances = nn.Conv2d(width, 4, 3, padding=1)
        self.centreness = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.normal_(self.classes.weight, std=0.01)
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, math.log(PRIOR / (1 - PRIOR)))

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            x = x.to(self.classes.weight.dtype) / 255
        features = self.backbone(x)
        boxes = self.box_tower(features)
        return torch.cat([self.classes(self.class_tower(features)), softplus(self.distances(boxes)), self.centreness(boxes)], 1)
