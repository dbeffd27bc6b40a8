"""Tree crowns in aerial images: RGB images of NEON at 10 cm per pixel with manual boxes (Weinstein et al. 2021)."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Annotated, Any, Unpack

import numpy as np
import torch
from annotated_types import Interval
from numpy.typing import NDArray
from PIL import Image

from descentlab.config.types import Count, PositiveShare, Seed
from descentlab.data.fetch.entries.images import NEON_TREES
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData

TILE, WAYS = 256, 8
TINT = 0.3  # largest relative change of a channel's gain, and largest shift as a fraction of its range


class NeonTrees(TensorData):
    """Tiles (rows, 3, size, size), uint8; targets (rows, boxes, 5), int64: x1, y1, x2, y2 in pixels and class 0; -1: padding.

    Each split is a separate image, cut into tiles of 256 x 256 pixels (black beyond the edge) that are then reduced in size.
    Valid and test tiles do not overlap. Train tiles overlap by half, and each occurs several times: rotated or mirrored
    differently, with changed colours. Boxes are clipped to their tile.

    Args:
        data_dir: folder of all data sets.
        shrink: the factor by which a side of a tile is reduced.
        kept: the least fraction of a box's area within a tile for the box to be kept there.
        views: versions of each train tile, 1 to 8.
        split_seed: seed of the views.
        properties: see DataProperties.
    """

    def __init__(
        self,
        data_dir: str,
        shrink: Count,
        kept: PositiveShare,
        views: Annotated[int, Interval(ge=1, le=8)],
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.folder, self.shrink, self.kept = Path(data_dir), shrink, kept
        self.views, self.split_seed = views, split_seed

    def load(self) -> Splits:
        files = materialise(NEON_TREES, self.folder)
        rng = np.random.default_rng(self.split_seed)
        images, targets = self._split(files["train.png"], files["train.xml"], overlap=True)
        chosen = [(row, way) for row in range(len(images)) for way in rng.permutation(WAYS)[: self.views]]
        views = [turn(images[row], targets[row], way) for row, way in rng.permutation(chosen).tolist()]
        train = (torch.stack([tinted(image, rng) for image, _ in views]), torch.stack([boxes for _, boxes in views]))
        valid, test = (self._split(files[f"{name}.png"], files[f"{name}.xml"], overlap=False) for name in ("valid", "test"))
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        images, targets = splits.train
        return {"image_shape": list(images.shape[1:]), "num_classes": int(targets[..., 4].max()) + 1}

    def _split(self, photograph: Path, annotation: Path, overlap: bool) -> Batch:
        image = Image.open(photograph).convert("RGB")
        boxes = _boxes(annotation)
        step = TILE // 2 if overlap else TILE
        across, down = (range(0, max(1, length - TILE + step), step) for length in image.size)
        corners = [(x, y) for y in down for x in across]
        tiles = [np.asarray(image.crop((x, y, x + TILE, y + TILE)).reduce(self.shrink)) for x, y in corners]
        targets = [clip(boxes - np.tile(corner, 2), self.kept) for corner in corners]
        padded = np.full((len(tiles), max(map(len, targets)), 5), -1)
        for row, found in enumerate(targets):
            padded[row, : len(found)] = np.pad((found / self.shrink).round(), ((0, 0), (0, 1)))
        padded[padded[..., 4] < 0, :4] = 0
        return torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2), torch.from_numpy(padded)


def clip(boxes: NDArray[np.int64], kept: float) -> NDArray[np.int64]:
    """Return `boxes` (n, 4) clipped to the tile, without those with less than the fraction `kept` of their area there."""
    clipped = boxes.clip(0, TILE)
    areas = [(each[:, 2:] - each[:, :2]).prod(1) for each in (boxes, clipped)]
    return clipped[areas[1] >= np.maximum(kept * areas[0], 1)]


def turn(image: torch.Tensor, targets: torch.Tensor, way: int) -> Batch:
    """Return `image` (channels, size, size) and its boxes, mirrored if way is odd, then rotated left by way // 2 quarters."""
    size, boxes = image.shape[-1], targets[:, :4]
    if way % 2:
        image = image.flip(2)
        boxes = torch.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    for _ in range(way // 2):
        image = image.rot90(1, (1, 2))
        boxes = torch.stack([boxes[:, 1], size - boxes[:, 2], boxes[:, 3], size - boxes[:, 0]], 1)
    there = targets[:, 4:] >= 0
    return image, torch.cat([torch.where(there, boxes, 0), targets[:, 4:]], 1)


def tinted(image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return a uint8 `image` (channels, ...) with each channel c mapped to (1 + a) c + 255 b, for a and b within TINT."""
    gain, shift = torch.from_numpy(rng.uniform(-TINT, TINT, (2, len(image), 1, 1))).float()
    return ((1 + gain) * image + 255 * shift).clamp(0, 255).to(torch.uint8)


def _boxes(annotation: Path) -> NDArray[np.int64]:
    """Return the boxes in a Pascal VOC file, (n, 4): x1, y1, x2, y2 in pixels from 0."""
    boxes = [
        [int(box.findtext(key, "")) for key in ("xmin", "ymin", "xmax", "ymax")]
        for box in ET.parse(annotation).getroot().iter("bndbox")
    ]
    return np.array(boxes)
