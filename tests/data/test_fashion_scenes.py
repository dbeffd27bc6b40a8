"""Scenes: tight boxes, visible items, and items of the same split."""

import numpy as np
import pytest
import torch
from conftest import ROOT, digests, needs_data

from descentlab.data.fashion_mnist import FashionMNIST
from descentlab.data.fashion_scenes import BOUND, VISIBLE, FashionScenes, compose

NAMES = ["train", "valid", "test"]


def items(rows=400):
    """Random rectangles in images of 28 x 28, brighter by row, with a pixel darker than VISIBLE in each corner."""
    rng = np.random.default_rng(0)
    images = torch.zeros(rows, 1, 28, 28)
    for row in range(rows):
        x, y = np.sort(rng.choice(29, 2, replace=False)), np.sort(rng.choice(29, 2, replace=False))
        images[row, 0, 0, 0] = images[row, 0, -1, -1] = 0.5 * VISIBLE
        images[row, 0, y[0] : y[1], x[0] : x[1]] = 0.2 + 0.8 * row / rows
    return images, torch.arange(rows) % 10


@pytest.fixture(scope="module")
def scenes():
    return compose(items(), 100, np.random.default_rng(1))


def there(targets):
    return [boxes[boxes[:, 4] >= 0].tolist() for boxes in targets]


def test_shapes_and_types(scenes):
    images, targets = scenes
    assert (images.shape, images.dtype) == ((100, 1, 64, 64), torch.uint8)
    assert (targets.shape, targets.dtype) == ((100, 4, 5), torch.int64)
    assert {len(boxes) for boxes in there(targets)} == {1, 2, 3, 4}
    assert not targets[targets[..., 4] < 0][:, :4].any()


def test_every_line_at_the_edge_of_a_box_is_lit_and_nothing_outside_all_boxes(scenes):
    for image, boxes in zip(scenes[0][:, 0], there(scenes[1]), strict=True):
        outside = image.clone()
        for x1, y1, x2, y2, _ in boxes:
            inside = image[y1:y2, x1:x2] > 0
            assert inside.shape == (y2 - y1, x2 - x1)
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()
            outside[y1:y2, x1:x2] = 0
        assert not outside.any()


def test_single_item_fills_its_box(scenes):
    images, classes = items()
    drawn = {
        (round(float(image.max()) * 255), int(name)): int((image > VISIBLE).sum())
        for image, name in zip(images, classes, strict=True)
    }
    alone = [(image[0], boxes[0]) for image, boxes in zip(scenes[0], there(scenes[1]), strict=True) if len(boxes) == 1]
    assert len(alone) > 10
    for image, (x1, y1, x2, y2, _) in alone:
        assert int((image > 0).sum()) == (x2 - x1) * (y2 - y1)
        assert (y2 - y1) * (x2 - x1) in drawn.values()


def test_no_box_covers_more_of_another_than_the_bound(scenes):
    pairs = [(a, b) for boxes in there(scenes[1]) for a in boxes for b in boxes if a is not b]
    covered = []
    for a, b in pairs:
        shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        covered.append(shared / min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)))
    assert 0 < max(covered) <= BOUND


def test_scenes_are_determined_by_the_seed(scenes):
    same, other = (compose(items(), 100, np.random.default_rng(seed)) for seed in (1, 2))
    assert all(torch.equal(a, b) for a, b in zip(scenes, same, strict=True))
    assert not torch.equal(scenes[0], other[0])


def test_scenes_need_four_items_each():
    with pytest.raises(ValueError, match="101 scenes need 404 items, and the split has 400"):
        compose(items(), 101, np.random.default_rng(0))


def cropped(image):
    """Return shape and bytes of the visible part of an image of 28 x 28."""
    lit = image >= VISIBLE
    rows, columns = (lit.any(axis).nonzero()[:, 0] for axis in (1, 0))
    part = (torch.where(lit, image, 0) * 255).round().to(torch.uint8)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return tuple(part.shape), part.numpy().tobytes()


@needs_data("fashion_mnist")
def test_scenes_contain_items_of_their_split_only():
    made = FashionScenes(f"{ROOT}/data", [300, 60, 100], valid_fraction=0.1, image_shape=[1, 64, 64], num_classes=10).splits
    assert made.sizes() == {"train": 300, "valid": 60, "test": 100}
    published = FashionMNIST(f"{ROOT}/data", valid_fraction=0.1).load()
    known = {
        name: {cropped(image[0]): int(label) for image, label in zip(*getattr(published, name), strict=True)}
        for name in NAMES[1:]
    }
    for name in NAMES[1:]:
        images, targets = getattr(made, name)
        alone = [(image[0], boxes[0]) for image, boxes in zip(images, there(targets), strict=True) if len(boxes) == 1]
        assert len(alone) > 5
        for image, (x1, y1, x2, y2, label) in alone:
            part = image[y1:y2, x1:x2]
            assert known[name][tuple(part.shape), part.numpy().tobytes()] == label
    train, valid, test = (digests(getattr(made, name)) for name in NAMES)
    assert len(train) == 300
    assert not train & valid
    assert not train & test
    assert not valid & test
