"""Fashion scenes: a synthetic detection data set of one to four items of Fashion-MNIST on a canvas, determined by a seed."""

from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import numpy as np
import torch
from annotated_types import Len
from numpy.typing import NDArray

from descentlab.config.types import Count, PositiveFraction, Seed
from descentlab.data.fashion_mnist import FashionMNIST
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData

CANVAS, ITEM, MOST = 64, 28, 4
VISIBLE = 25 / 255  # least brightness of a pixel that belongs to an item; darker pixels are removed
TRIES = 20  # positions tried for an item before it is left out
BOUND = 0.1  # largest fraction of the smaller of two boxes that may be covered by the other


class FashionScenes(TensorData):
    """Images (rows, 1, 64, 64), uint8; targets (rows, 4, 5), int64: x1, y1, x2, y2 in pixels and class; class -1 marks padding.

    A box is tight: x1 <= x < x2 for every pixel of its item. Where two items overlap, the brighter pixel is shown. Train, valid
    and test scenes contain train, valid and test items of Fashion-MNIST, each item in at most one scene.

    Args:
        data_dir: folder of all data sets.
        scenes: the number of scenes of train, valid and test.
        valid_fraction: valid split as a fraction of Fashion-MNIST's training split.
        split_seed: seed of Fashion-MNIST's split and of the scenes.
        properties: see DataProperties.
    """

    def __init__(
        self,
        data_dir: str,
        scenes: Annotated[Sequence[Count], Len(3, 3)],
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.items = FashionMNIST(data_dir, valid_fraction, split_seed)
        self.scenes, self.split_seed = scenes, split_seed

    def load(self) -> Splits:
        """Return the scenes.

        Raises:
            ValueError: there are fewer than four items per scene.
        """
        items = self.items.load()
        parts = zip((items.train, items.valid, items.test), self.scenes, strict=True)
        train, valid, test = (
            compose(part, rows, np.random.default_rng([self.split_seed, number])) for number, (part, rows) in enumerate(parts)
        )
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        images, targets = splits.train
        return {"image_shape": list(images.shape[1:]), "num_classes": int(targets[..., 4].max()) + 1}


def compose(items: Batch, rows: int, rng: np.random.Generator) -> Batch:
    """Return `rows` scenes with their targets.

    Args:
        items: images (n, 1, 28, 28) in [0, 1] and classes (n,).
        rows: the number of scenes.
        rng: draws items and positions.


    Raises:
        ValueError: there are fewer than four items per scene.
    """
    images, classes = items
    if rows * MOST > len(images):
        raise ValueError(f"data.scenes: {rows} scenes need {rows * MOST} items, and the split has {len(images)}")
    chosen = torch.from_numpy(rng.permutation(len(images))[: rows * MOST])
    pixels = (torch.where(images[chosen, 0] >= VISIBLE, images[chosen, 0], 0) * 255).round().to(torch.uint8)
    drawn, names = pixels.reshape(rows, MOST, ITEM, ITEM).numpy(), classes[chosen].reshape(rows, MOST).numpy()
    boxes, corners, there = _positions(_extents(drawn), rng.integers(1, MOST + 1, rows), rng)
    canvas = np.zeros((rows, CANVAS, CANVAS), np.uint8)
    span = np.arange(ITEM)
    for item in range(MOST):
        (scene,) = there[:, item].nonzero()
        x, y = (corners[scene, item, axis, None] + span for axis in (0, 1))
        place = (scene[:, None, None], y[:, :, None], x[:, None, :])
        canvas[place] = np.maximum(canvas[place], drawn[scene, item])
    targets = np.concatenate([boxes, np.where(there, names, -1)[..., None]], axis=2)
    targets[~there, :4] = 0
    return torch.from_numpy(canvas)[:, None], torch.from_numpy(targets)


def _extents(drawn: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the tight box of each item within its image, (rows, items, 4): x1, y1, x2, y2."""
    columns, lines = ((drawn > 0).any(axis) for axis in (2, 3))
    first = [side.argmax(2) for side in (columns, lines)]
    last = [ITEM - np.flip(side, 2).argmax(2) for side in (columns, lines)]
    return np.stack(first + last, axis=2)


def _positions(
    extents: NDArray[np.int64], wanted: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw positions: return boxes (rows, items, 4), corners of the items' images (rows, items, 2), and a mask (rows, items).

    Args:
        extents: the tight boxes within the items' images, (rows, items, 4).
        wanted: (rows,), the number of items of each scene; one that finds no free position is left out.
        rng: draws the positions.
    """
    rows = len(extents)
    boxes, corners = np.zeros_like(extents), np.zeros((rows, MOST, 2), np.int64)
    there = np.zeros((rows, MOST), np.bool_)
    for item in range(MOST):
        tried = rng.integers(0, CANVAS - ITEM + 1, (rows, TRIES, 2))
        candidates = extents[:, item, None] + np.tile(tried, 2)
        covered = np.where(there[:, None], _covered(candidates[:, :, None], boxes[:, None]), 0.0).max(2)
        good = covered <= BOUND
        first = good.argmax(1)
        there[:, item] = good.any(1) & (item < wanted)
        boxes[:, item], corners[:, item] = candidates[np.arange(rows), first], tried[np.arange(rows), first]
    return boxes, corners, there


def _covered(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area of the intersection of two boxes divided by the area of the smaller box."""
    shared = (np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])).clip(0).prod(-1)
    return shared / np.minimum((a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)).clip(1)
