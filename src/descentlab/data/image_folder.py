"""Images in one folder per class (torchvision's ImageFolder layout), resized and kept in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS

from descentlab.config.types import Name, PositiveFraction, Seed
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.pixels import read_image, reading_warnings
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tables.cutting import Cut, Rows
from descentlab.data.loading.tables.options import choice, optional_text, whole
from descentlab.data.loading.tables.overrides import count
from descentlab.data.loading.tables.scaling import ROUNDING
from descentlab.data.loading.tensors import DataProperties, TensorData

PARTS = {"train": ("train", "training"), "valid": ("valid", "val", "validation"), "test": ("test", "testing")}
SHOWN = 5
Samples = list[tuple[Path, int]]


class ImageFolder(TensorData):
    """Images (rows, channels, size, size), each channel standardised by its mean and deviation in train; classes (rows,).

    Classes are numbered in the order of the folders' names. Published splits, given by folders train/ and test/ or valid/ (or
    val/), are kept. A split that is not published is cut from train, stratified by class; val/ without test/ is used as test.
    Images with identical pixels are in the same split.

    Args:
        path: folder of CLASS/*.png, or of train/CLASS/*.png and test/CLASS/*.png.
        size: side length in pixels; the shorter side is scaled to it and the centre is cropped.
        channels: 3 for RGB, 1 for grey.
        test_fraction: test split as a fraction of all images.
        valid_fraction: valid split as a fraction of the images that are not test.
        split_seed: seed of the cuts.
        properties: see DataProperties.
    """

    def __init__(
        self,
        path: Name,
        size: int,
        channels: int = 3,
        test_fraction: PositiveFraction = 0.2,
        valid_fraction: PositiveFraction = 0.15,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.path, self.size, self.channels = path, size, channels
        self.fractions, self.split_seed = (test_fraction, valid_fraction), split_seed

    def load(self) -> Splits:
        """Read and split the images.

        Raises:
            DataError: folders are missing or ambiguous, a class has no image, an image is unreadable, or train lacks a class.
        """
        self.size, self.channels = whole("size", self.size, 1), choice("channels", self.channels, (1, 3))
        folder = Path(optional_text("path", self.path, "data.path=FOLDER") or "").expanduser()
        found, self.classes = published(folder)
        seen: Counter[str] = Counter()
        read = {name: self._read(samples, seen) for name, samples in found.items()}
        self.warnings += [*reading_warnings(seen, folder), *_shared(read), *_left_out(folder, found)]
        parts = self._cut(read, folder)
        for name in ("train", "valid", "test"):
            self._check_classes(name, parts[name][1], folder)
        mean, deviation = _moments(parts["train"][0])
        train, valid, test = (((pixels.float() / 255 - mean) / deviation, labels) for pixels, labels in parts.values())
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        shape = list(splits.train[0].shape[1:])
        count = len(self.classes)
        return {"num_features": int(np.prod(shape)), "image_shape": shape, "num_classes": count, "num_outputs": count}

    def _read(self, samples: Samples, seen: Counter[str]) -> tuple[Tensor, Tensor]:
        """Return uint8 pixels (rows, channels, size, size) and classes (rows,)."""
        pixels = np.stack([read_image(path, self.size, self.channels, seen) for path, _ in samples])
        return torch.from_numpy(pixels), torch.tensor([label for _, label in samples])

    def _cut(self, read: dict[str, tuple[Tensor, Tensor]], folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
        """Return train, valid and test: those in `read`, and the others cut from train."""
        pixels, labels = read["train"]
        cut = Cut(_identical(pixels), labels.numpy(), self.split_seed)
        rest: Rows = np.arange(len(labels))
        parts = dict(read)
        for name, fraction, min_remaining in (("test", self.fractions[0], 2), ("valid", self.fractions[1], 1)):
            if name not in read:
                rows, rest = cut.split_off(rest, fraction, min_remaining)
                parts[name] = (pixels[rows], labels[rows])
        parts["train"] = (pixels[rest], labels[rest])
        if empty := [name for name, (_, part) in parts.items() if not len(part)]:
            raise DataError(self._too_few(empty, cut.together, folder))
        return {name: parts[name] for name in ("train", "valid", "test")}

    def _too_few(self, empty: Sequence[str], same: Rows, folder: Path) -> str:
        what, distinct = " and ".join(empty), len(np.unique(same))
        if distinct == len(same):
            return f"data.path={folder} has too few images for {what}: add some, 3 of a class at least"
        number = f"of {len(same):,} images only {distinct:,} differ at data.size={self.size} and data.channels={self.channels}"
        fix = "replace the copies, or increase data.size if only details differ"
        return f"data.path={folder}: {number}, and identical images are never split, so {what} would be empty: {fix}"

    def _check_classes(self, name: str, labels: Tensor, folder: Path) -> None:
        lacking = sorted(set(range(len(self.classes))) - set(labels.tolist()))
        if not lacking:
            return
        some = ", ".join(self.classes[label] for label in lacking[:8])
        if name == "train":
            raise DataError(f"data.path={folder}: train has no image of {some}: add images of it (identical images count once)")
        self.warnings.append(f"{name} has no image of {some}: metrics that need every class are undefined there.")


def published(folder: Path) -> tuple[dict[str, Samples], list[str]]:
    """Return the images in `folder` by published split (all in train if there is none), and the class names.

    Raises:
        DataError: there are fewer than two class folders, one has no image, or the splits have different classes.
    """
    if not folder.is_dir():
        raise DataError(f"data.path={folder}: no such folder")
    candidates = {part: [path for path in _folders(folder) if path.name.lower() in words] for part, words in PARTS.items()}
    splits = {part: paths[0] for part, paths in candidates.items() if paths}
    if "train" not in splits or len(splits) == 1:
        splits = {"train": folder}
    elif ambiguous := [
        f"{part}: {' and '.join(f'{path.name}/' for path in paths)}" for part, paths in candidates.items() if paths[1:]
    ]:
        raise DataError(f"data.path={folder} has several folders for {ambiguous[0]}: put their images into one of them")
    if "test" not in splits and "valid" in splits:
        splits["test"] = splits.pop("valid")
    classes = {part: [class_folder.name for class_folder in _folders(path)] for part, path in splits.items()}
    for part, found in classes.items():
        if differing := sorted(set(found) ^ set(classes["train"])):
            where = f"{part}/ and train/ in {folder} have different classes"
            raise DataError(f"{where} ({', '.join(differing[:8])} only in one): add the folders, or remove them")
    if len(classes["train"]) < 2:
        found = "".join(f"{name} as its only class folder" for name in classes["train"]) or "no class folders"
        raise DataError(f"data.path={folder} has {found}: give a folder of images for each of two classes or more")
    return {part: _samples(path, classes["train"]) for part, path in splits.items()}, classes["train"]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _samples(folder: Path, classes: Sequence[str]) -> Samples:
    samples: Samples = []
    for label, name in enumerate(classes):
        files = sorted(path for path in _files((folder / name).rglob("*")) if path.suffix.lower() in IMG_EXTENSIONS)
        if not files:
            raise DataError(f"{folder / name} has no image ({', '.join(IMG_EXTENSIONS)}): add some, or remove the folder")
        samples += [(path, label) for path in files]
    return samples


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file() and not path.name.startswith("."))


def _left_out(folder: Path, found: Mapping[str, Samples]) -> Iterator[str]:
    """Yield warnings about files in `folder` that are not read."""
    read = {path for samples in found.values() for path, _ in samples}
    left = [path for path in _files(folder.rglob("*")) if path not in read]
    loose = [path for path in left if path.suffix.lower() in IMG_EXTENSIONS]
    others = Counter(path.suffix.lower() or "no suffix" for path in left if path.parent != folder and path not in loose)
    if others:
        kinds = ", ".join(f"{number} with {suffix}" for suffix, number in others.most_common(SHOWN))
        yield f"Not read because of its suffix: {count(others.total(), 'file')} in {folder} ({kinds}); convert images to .png."
    if loose:
        some = ", ".join(str(path.relative_to(folder)) for path in sorted(loose)[:SHOWN]) + (", ..." if loose[SHOWN:] else "")
        yield f"Not read because outside the class folders: {count(len(loose), 'image')} in {folder} ({some})."


def _shared(read: Mapping[str, tuple[Tensor, Tensor]]) -> Iterator[str]:
    """Yield warnings about images that occur in two published splits."""
    held = {name: [hash(image.numpy().tobytes()) for image in pixels] for name, (pixels, _) in read.items()}
    for name, other in (("valid", "train"), ("test", "train"), ("test", "valid")):
        if number := len(np.flatnonzero(np.isin(held.get(name, []), held.get(other, [])))):
            what = f"{name} and {other} share identical images: {number} of {len(held[name])} in the published {name} split"
            yield f"{what}, so the metrics of {name} are too optimistic."


def _identical(pixels: Tensor) -> Rows:
    """Return a label for each image, equal for images with identical pixels."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(image.numpy().tobytes(), len(seen)) for image in pixels], np.int64)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (1 if constant) of each channel of uint8 `pixels` / 255, each (channels, 1, 1)."""
    mean, square = torch.zeros(2, pixels.shape[1], dtype=torch.float64)
    for batch in pixels.split(256):
        values = batch.double() / 255
        mean += values.mean((0, 2, 3)) * len(batch) / len(pixels)
        square += (values**2).mean((0, 2, 3)) * len(batch) / len(pixels)
    variance = (square - mean**2).clamp(min=0)
    deviation = torch.where(variance > ROUNDING, variance.sqrt(), 1.0)
    return mean.float()[:, None, None], deviation.float()[:, None, None]
