"""Locations and boxes: which location answers for which box, and the boxes that the locations' answers make.

A location is the centre of a cell of the feature map, `stride` pixels wide; boxes are x1, y1, x2, y2 in pixels; distances are
from a location to the left, top, right and bottom of a box, in strides.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import batched_nms

FLOOR = 0.05  # classes below this probability are left out
OVERLAP = 0.6  # of two boxes of a class that overlap more, the one with the lower score is left out
CANDIDATES = 400  # at most so many, the best, enter non-maximum suppression


def locations(shape: Sequence[int], stride: int, like: Tensor) -> Tensor:
    """Centres of the cells of a map of `shape` (height, width), row by row: (height * width, 2), x and y, as `like` is."""
    y, x = torch.meshgrid(*(torch.arange(n, device=like.device) for n in shape), indexing="ij")
    return ((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride).to(like.dtype)


def encode(boxes: Tensor, points: Tensor, stride: int) -> Tensor:
    """Distances from `points` (..., 2) to `boxes` (..., 4) (Tian et al., arXiv:1904.01355, eq. 1)."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1) / stride


def decode(distances: Tensor, points: Tensor, stride: int) -> Tensor:
    """The boxes that lie so far around `points`: the inverse of `encode`."""
    return torch.cat([points - distances[..., :2] * stride, points + distances[..., 2:] * stride], -1)


def centreness(distances: Tensor) -> Tensor:
    """1 in the middle of a box, 0 at its edge (Tian et al., eq. 3)."""
    left, top, right, bottom = distances.unbind(-1)
    across = torch.minimum(left, right) / torch.maximum(left, right)
    return (across * torch.minimum(top, bottom) / torch.maximum(top, bottom)).sqrt()


def assign(targets: Tensor, points: Tensor, stride: int, radius: float) -> tuple[Tensor, Tensor]:
    """Which box each location answers for: the smallest that it is in, no further than `radius` strides from its centre.

    Args:
        targets: (batch, boxes, 5), class -1 where there is no box.
        points: (locations, 2).

    Returns:
        The box's number, and whether there is one, both (batch, locations).
    """
    boxes = targets[:, None, :, :4].to(points.dtype)  # (batch, 1, boxes, 4)
    distances = encode(boxes, points[:, None].expand(*boxes.shape[:1], -1, boxes.shape[2], 2), stride)
    from_centre = (distances[..., :2] - distances[..., 2:]).abs().amax(-1) / 2
    hers = (distances.amin(-1) > 0) & (from_centre < radius) & (targets[:, None, :, 4] >= 0)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    smallest, number = torch.where(hers, areas, torch.inf).min(-1)
    return number, smallest.isfinite()


@torch.no_grad()
def detect(outputs: Tensor, stride: int, limit: int) -> Tensor:
    """The boxes in `outputs` (batch, num_classes + 5, height, width) after non-maximum suppression, best first.

    The score of a class is sqrt(probability * centreness), as in the code of the paper.

    Returns:
        (batch, limit, 6): x1, y1, x2, y2, score and class, class -1 where there is no further one.
    """
    outputs = outputs.float()
    batch, channels, height, width = outputs.shape
    classes = channels - 5
    logits, distances, centre = outputs.flatten(2).transpose(1, 2).split([classes, 4, 1], -1)
    points = locations((height, width), stride, outputs)
    edge = torch.tensor([width, height], device=outputs.device).repeat(2) * stride
    boxes = torch.minimum(decode(distances, points, stride).clamp(min=0), edge)
    likely = torch.where(logits.sigmoid() > FLOOR, (logits.sigmoid() * centre.sigmoid()).sqrt(), 0.0)
    scores, place = likely.flatten(1).topk(min(CANDIDATES, height * width * classes))
    found = outputs.new_full((batch, limit, 6), -1.0)
    for row in range(batch):
        good = scores[row] > 0
        score, at, name = scores[row][good], place[row][good] // classes, place[row][good] % classes
        keep = batched_nms(boxes[row, at], score, name, OVERLAP)[:limit]
        found[row, : len(keep)] = torch.cat([boxes[row, at[keep]], score[keep, None], name[keep, None]], 1)
    return found
