"""Locations and boxes: the assignment of boxes to locations, and the decoding of outputs to boxes.

A location is the centre of a cell of the feature map, `stride` pixels wide; boxes are x1, y1, x2, y2 in pixels; distances are
from a location to the left, top, right and bottom of a box, in strides.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import batched_nms

FLOOR = 0.05  # detections with a lower class probability are discarded
OVERLAP = 0.6  # if two boxes of a class have a larger IoU, the one with the lower score is discarded
CANDIDATES = 400  # largest number of boxes, those with the highest scores, in non-maximum suppression


def locations(shape: Sequence[int], stride: int, like: Tensor) -> Tensor:
    """Return the centres x, y of the cells of a map of `shape` (height, width), row by row, (height * width, 2).

    They have the dtype and the device of `like`.
    """
    y, x = torch.meshgrid(*(torch.arange(n, device=like.device) for n in shape), indexing="ij")
    return ((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride).to(like.dtype)


def encode(boxes: Tensor, points: Tensor, stride: int) -> Tensor:
    """Return the distances in strides from `points` (..., 2) to `boxes` (..., 4) (Tian et al., arXiv:1904.01355, eq. 1)."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1) / stride


def decode(distances: Tensor, points: Tensor, stride: int) -> Tensor:
    """Return the boxes (..., 4) with the given distances from `points`, the inverse of `encode`."""
    return torch.cat([points - distances[..., :2] * stride, points + distances[..., 2:] * stride], -1)


def centreness(distances: Tensor) -> Tensor:
    """Return the centreness: 1 in the middle of a box, 0 at its edge (Tian et al., eq. 3)."""
    left, top, right, bottom = distances.unbind(-1)
    across = torch.minimum(left, right) / torch.maximum(left, right)
    return (across * torch.minimum(top, bottom) / torch.maximum(top, bottom)).sqrt()


def assign(targets: Tensor, points: Tensor, stride: int, radius: float) -> tuple[Tensor, Tensor]:
    """Assign a box to each location: the smallest that contains it and whose centre is within `radius` strides.

    Args:
        targets: boxes and classes (batch, boxes, 5), class -1 for padding.
        points: locations (locations, 2).

    Returns:
        The index of the box, and True if there is one, both (batch, locations).
    """
    boxes = targets[:, None, :, :4].to(points.dtype)  # (batch, 1, boxes, 4)
    distances = encode(boxes, points[:, None].expand(*boxes.shape[:1], -1, boxes.shape[2], 2), stride)
    from_centre = (distances[..., :2] - distances[..., 2:]).abs().amax(-1) / 2
    eligible = (distances.amin(-1) > 0) & (from_centre < radius) & (targets[:, None, :, 4] >= 0)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    smallest, index = torch.where(eligible, areas, torch.inf).min(-1)
    return index, smallest.isfinite()


@torch.no_grad()
def detect(outputs: Tensor, stride: int, limit: int) -> Tensor:
    """Return the boxes in `outputs` (batch, num_classes + 5, height, width) after non-maximum suppression, best first.

    The score of a class is sqrt(probability * centreness), as in the code of the paper.

    Returns:
        (batch, limit, 6): x1, y1, x2, y2, score and class; class -1 for padding.
    """
    outputs = outputs.float()
    batch, channels, height, width = outputs.shape
    classes = channels - 5
    logits, distances, centre = outputs.flatten(2).transpose(1, 2).split([classes, 4, 1], -1)
    points = locations((height, width), stride, outputs)
    edge = torch.tensor([width, height], device=outputs.device).repeat(2) * stride
    boxes = torch.minimum(decode(distances, points, stride).clamp(min=0), edge)
    likely = torch.where(logits.sigmoid() > FLOOR, (logits.sigmoid() * centre.sigmoid()).sqrt(), 0.0)
    scores, flat = likely.flatten(1).topk(min(CANDIDATES, height * width * classes))
    found = outputs.new_full((batch, limit, 6), -1.0)
    for row in range(batch):
        good = scores[row] > 0
        score, at, name = scores[row][good], flat[row][good] // classes, flat[row][good] % classes
        keep = batched_nms(boxes[row, at], score, name, OVERLAP)[:limit]
        found[row, : len(keep)] = torch.cat([boxes[row, at[keep]], score[keep, None], name[keep, None]], 1)
    return found
