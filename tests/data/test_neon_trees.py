"""Tree crowns: tiles and boxes are cut and transformed together; the splits are separate images."""

import hashlib

import numpy as np
import pytest
import torch
from conftest import ROOT, needs_data

from descentlab.data.neon_trees import TILE, NeonTrees, clip, tinted, turn


def test_boxes_are_clipped_and_those_mostly_outside_dropped():
    boxes = np.array([[-10, 10, 10, 30], [-15, 10, 5, 30], [250, 250, 262, 262], [-30, -30, -5, -5], [40, 50, 60, 70]])
    assert clip(boxes, 0.5).tolist() == [[0, 10, 10, 30], [40, 50, 60, 70]]
    assert clip(boxes, 0.25).tolist() == [[0, 10, 10, 30], [0, 10, 5, 30], [250, 250, TILE, TILE], [40, 50, 60, 70]]


@pytest.mark.parametrize("way", range(8))
def test_boxes_follow_the_transformed_pixels(way):
    image = torch.zeros(3, 32, 32, dtype=torch.uint8)
    image[:, 3:9, 20:31] = 200
    turned, boxes = turn(image, torch.tensor([[20, 3, 31, 9, 0], [0, 0, 0, 0, -1]]), way)
    x1, y1, x2, y2, name = boxes[0].tolist()
    assert (turned[:, y1:y2, x1:x2] == 200).all()
    assert int((turned > 0).sum()) == int((image > 0).sum()) == 3 * (x2 - x1) * (y2 - y1)
    assert name == 0
    assert boxes[1].tolist() == [0, 0, 0, 0, -1]


def test_eight_orientations_differ():
    image = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4)
    ways = {turn(image, torch.zeros(1, 5, dtype=torch.int64), way)[0].numpy().tobytes() for way in range(8)}
    assert len(ways) == 8


def test_tint_keeps_the_order_of_pixels_and_differs_by_channel():
    image = torch.arange(100, 148, dtype=torch.uint8).reshape(1, 6, 8).repeat(3, 1, 1)
    found = tinted(image, np.random.default_rng(0)).int()
    assert (found.flatten(1).diff(dim=1) >= 0).all()
    assert len({tuple(channel.flatten().tolist()) for channel in found}) == 3


@needs_data("neon_trees")
def test_tiles_boxes_and_splits():
    facts = {"image_shape": [3, 128, 128], "num_classes": 1}
    splits = NeonTrees(f"{ROOT}/data", shrink=2, kept=0.4, views=1, **facts).splits
    assert splits.sizes() == {"train": 17 * 19, "valid": 5 * 5, "test": 2 * 2}
    seen = []
    for images, targets in (splits.train, splits.valid, splits.test):
        boxes = targets[targets[..., 4] == 0][:, :4]
        assert images.dtype == torch.uint8
        assert ((boxes >= 0) & (boxes <= 128)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        seen.append({hashlib.sha256(image.contiguous().numpy().tobytes()).digest() for image in images if image.any()})
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    # 61 trees; a tree on a cut counts twice if enough of it is on both sides
    assert 61 <= int((splits.test[1][..., 4] == 0).sum()) <= 75


@needs_data("neon_trees")
def test_views_multiply_training_tiles_only():
    one, two = (NeonTrees(f"{ROOT}/data", shrink=4, kept=0.4, views=views).load() for views in (1, 2))
    assert len(two.train[0]) == 2 * len(one.train[0])
    assert torch.equal(one.test[0], two.test[0])
