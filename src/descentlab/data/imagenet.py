"""ImageNet-1k (Russakovsky et al. 2015), or any data set in its folder layout: JPEG files, read during training."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from descentlab.config.types import PositiveFraction, Seed
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.splits import three_way
from descentlab.data.loading.streamed import StreamedData, StreamedSplits, subset

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the training split's channels, from torchvision
RESIZED = 256 / 224  # ratio of the shorter side of an evaluated image to the side of its centre crop


class ImageNet(StreamedData):
    """Standardised images (3, size, size); classes in the order of the folders' names.

    Training images are random crops of random size and aspect ratio, flipped with probability 1/2 (Szegedy et al.,
    arXiv:1409.4842, sec. 6), other images centre crops. The published validation split is used as test, since the labels of
    the published test split are secret; valid is cut from train.

    Args:
        data_dir: folder of all data sets, with imagenet/train/CLASS/*.JPEG and imagenet/val/CLASS/*.JPEG.
        valid_fraction: valid split as a fraction of the training split.
        split_seed: seed of the cut.
        properties: see StreamedData.
    """

    def __init__(self, data_dir: str, valid_fraction: PositiveFraction, split_seed: Seed = 0, **properties: Any) -> None:
        super().__init__(**properties)
        self.folder, self.fraction, self.split_seed = Path(data_dir) / "imagenet", valid_fraction, split_seed

    def load(self) -> StreamedSplits:
        """Return the splits of the image files.

        Raises:
            DataError: a folder is missing or has no images.
        """
        size = self.properties.get("image_shape", (224,))[-1]
        training, evaluated = [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()], _centre_crop(size)
        train, valid, test = (self._part(*part) for part in (("train", training), ("train", evaluated), ("val", evaluated)))
        rows = three_way(len(train), 0.0, self.fraction, self.split_seed)
        names = "\n".join(f"{Path(path).name} {label}" for part in (train, test) for path, label in part.samples)
        fingerprint = hashlib.sha256(f"{names} {self.fraction} {self.split_seed}".encode()).hexdigest()
        return StreamedSplits(subset(train, rows[0].tolist()), subset(valid, rows[1].tolist()), test, fingerprint)

    def inferred(self, splits: StreamedSplits) -> dict[str, Any]:
        test: Any = splits.test
        return super().inferred(splits) | {"num_classes": len(test.classes)}

    def _part(self, name: str, crop: list[v2.Transform]) -> ImageFolder:
        to_tensor = [
            v2.ToImage(),
            *crop,
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, DEVIATION),
            v2.ToPureTensor(),
        ]
        try:
            return ImageFolder(str(self.folder / name), v2.Compose(to_tensor))
        except (FileNotFoundError, RuntimeError) as error:
            how = f"request it from image-net.org and unpack it as {self.folder}/train/CLASS/*.JPEG and val/CLASS/*.JPEG"
            raise DataError(f"imagenet: {error}\n  {how}") from error


def _centre_crop(size: int) -> list[v2.Transform]:
    return [v2.Resize(round(size * RESIZED), antialias=True), v2.CenterCrop(size)]
