"""Images in folders named by their classes, torchvision's ImageFolder layout, resized and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS

from descentlab.data.sources import DataError
from descentlab.data.tables.cutting import Cut, Rows
from descentlab.data.tables.options import choice, optional_text, whole
from descentlab.data.tables.scaling import ROUNDING
from descentlab.data.tensors import Facts, Splits, TensorData

PARTS = {"train": ("train", "training"), "valid": ("valid", "val", "validation"), "test": ("test", "testing")}
MODES = {1: "L", 3: "RGB"}
Samples = list[tuple[Path, int]]


class ImageFolder(TensorData):
    """Images (rows, channels, size, size), each channel standardised by its mean and deviation in train; classes (rows,).

    Classes are numbered in the order of the folders' names. A folder with train/ and test/ has published splits, which stay
    as they are; so does valid/ (or val/). What is not published is cut from train, in equal shares of each class; val/
    without test/ is test. Images whose pixels are identical are in the same split.

    Args:
        path: holds CLASS/*.png, or train/CLASS/*.png and test/CLASS/*.png.
        size: of a side in pixels; the shorter side is scaled to it and the centre is cut out.
        channels: 3 for RGB, 1 for grey.
        test_fraction: of all images.
        valid_fraction: of the images that are not test.
        split_seed: of the cuts.
        facts: see Facts.
    """

    def __init__(
        self,
        path: str,
        size: int,
        channels: int = 3,
        test_fraction: float = 0.2,
        valid_fraction: float = 0.15,
        split_seed: int = 0,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(**facts)
        self.path, self.size, self.channels = path, size, channels
        self.fractions, self.split_seed = (test_fraction, valid_fraction), split_seed

    def load(self) -> Splits:
        """
        Raises:
            DataError: there are no such folders, a class has no image, an image cannot be read, or a split lacks a class.
        """
        self.size, self.channels = whole("size", self.size, 1), choice("channels", self.channels, (1, 3))
        folder = Path(optional_text("path", self.path, "data.path=FOLDER") or "").expanduser()
        found, self.classes = published(folder)
        read = {name: self._read(samples) for name, samples in found.items()}
        parts = self._cut(read, folder)
        for name in ("train", "valid", "test"):
            self._check_classes(name, parts[name][1], folder)
        mean, deviation = _moments(parts["train"][0])
        train, valid, test = (((pixels.float() / 255 - mean) / deviation, labels) for pixels, labels in parts.values())
        return Splits(train, valid, test)

    def found(self, splits: Splits) -> dict[str, Any]:
        shape = list(splits.train[0].shape[1:])
        count = len(self.classes)
        return {"num_features": int(np.prod(shape)), "image_shape": shape, "num_classes": count, "num_outputs": count}

    def _read(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Return uint8 pixels (rows, channels, size, size) and classes (rows,)."""
        pixels = np.stack([read_image(path, self.size, self.channels) for path, _ in samples])
        return torch.from_numpy(pixels), torch.tensor([label for _, label in samples])

    def _cut(self, read: dict[str, tuple[Tensor, Tensor]], folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
        """Return train, valid and test: those of `read`, the others cut from train."""
        pixels, labels = read["train"]
        cut = Cut(_identical(pixels), labels.numpy(), self.split_seed)
        rest: Rows = np.arange(len(labels))
        parts = dict(read)
        for name, fraction, leave in (("test", self.fractions[0], 2), ("valid", self.fractions[1], 1)):
            if name not in read:
                rows, rest = cut.off(rest, fraction, leave)
                parts[name] = (pixels[rows], labels[rows])
        parts["train"] = (pixels[rest], labels[rest])
        if empty := [name for name, (_, part) in parts.items() if not len(part)]:
            raise DataError(f"data.path={folder} has too few images for {' and '.join(empty)}: add some, 3 of a class at least")
        return {name: parts[name] for name in ("train", "valid", "test")}

    def _check_classes(self, name: str, labels: Tensor, folder: Path) -> None:
        lacking = sorted(set(range(len(self.classes))) - set(labels.tolist()))
        if not lacking:
            return
        some = ", ".join(self.classes[label] for label in lacking[:8])
        if name == "train":
            raise DataError(f"data.path={folder}: train has no image of {some}: add images of it (identical ones count once)")
        self.warnings.append(f"{name} has no image of {some}: metrics that need every class are undefined there.")


def published(folder: Path) -> tuple[dict[str, Samples], list[str]]:
    """Return the images below `folder` by their published split (train holds all if there is none), and the classes' names.

    Raises:
        DataError: there are no class folders, one of them has no image, or the splits have different classes.
    """
    if not folder.is_dir():
        raise DataError(f"data.path={folder}: there is no such folder")
    names = {path.name.lower(): path for path in _folders(folder)}
    splits = {part: names[word] for part, words in PARTS.items() for word in words if word in names}
    if "train" not in splits or len(splits) == 1:
        splits = {"train": folder}
    if "test" not in splits and "valid" in splits:
        splits["test"] = splits.pop("valid")
    classes = {part: [path.name for path in _folders(place)] for part, place in splits.items()}
    for part, found in classes.items():
        if differing := sorted(set(found) ^ set(classes["train"])):
            where = f"{part}/ and train/ in {folder} have different classes"
            raise DataError(f"{where} ({', '.join(differing[:8])} only in one): add the folders, or remove them")
    if len(classes["train"]) < 2:
        found = "".join(f"{name} as its only class folder" for name in classes["train"]) or "no class folders"
        raise DataError(f"data.path={folder} has {found}: give a folder of images for each of two classes or more")
    return {part: _samples(place, classes["train"]) for part, place in splits.items()}, classes["train"]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _samples(folder: Path, classes: Sequence[str]) -> Samples:
    samples: Samples = []
    for label, name in enumerate(classes):
        files = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in IMG_EXTENSIONS and path.is_file())
        if not files:
            raise DataError(f"{folder / name} has no image ({', '.join(IMG_EXTENSIONS)}): add some, or remove the folder")
        samples += [(path, label) for path in files if not path.name.startswith(".")]
    return samples


def read_image(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """Return the pixels (channels, size, size) of an image, its shorter side scaled to `size` and the centre cut out.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            turned = ImageOps.exif_transpose(image)
            pixels = np.array(ImageOps.fit(turned.convert(MODES[channels]), (size, size), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}): remove or replace it") from error
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _identical(pixels: Tensor) -> Rows:
    """Return a number for each image, the same for images with the same pixels."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(image.numpy().tobytes(), len(seen)) for image in pixels], np.int64)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and deviation of each channel of uint8 `pixels` over 255, (channels, 1, 1); deviation 1 if constant."""
    mean, square = torch.zeros(2, pixels.shape[1], dtype=torch.float64)
    for batch in pixels.split(256):
        values = batch.double() / 255
        mean += values.mean((0, 2, 3)) * len(batch) / len(pixels)
        square += (values**2).mean((0, 2, 3)) * len(batch) / len(pixels)
    variance = (square - mean**2).clamp(min=0)
    deviation = torch.where(variance > ROUNDING, variance.sqrt(), 1.0)
    return mean.float()[:, None, None], deviation.float()[:, None, None]
