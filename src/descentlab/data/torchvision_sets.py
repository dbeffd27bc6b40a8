"""Data sets that torchvision fetches and verifies: CIFAR-10, CIFAR-100 (Krizhevsky 2009), SVHN (Netzer et al. 2011)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal, Unpack

import torch
import torchvision
from filelock import FileLock
from torch import Tensor

from descentlab.config.types import PositiveFraction, Seed
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.augment import AUGMENTS
from descentlab.data.loading.splits import Splits, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData


class TorchvisionSet(TensorData):
    """Images (rows, 3, 32, 32), each channel standardised by its mean and deviation in train; classes (rows,).

    The published test split is used as test; valid is cut from the published training split.

    Args:
        data_dir: folder of all data sets; torchvision fetches into its subfolder with the name of the data set.
        valid_fraction: valid split as a fraction of the published training split.
        split_seed: seed of the cut.
        augment: transform of the training batches, a key of AUGMENTS.
        properties: see DataProperties.
    """

    folder_name: ClassVar[str]

    def __init__(
        self,
        data_dir: str,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        augment: Literal["none", "crop_flip"] = "none",
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.folder, self.fraction, self.split_seed = Path(data_dir) / self.folder_name, valid_fraction, split_seed
        self.augment = AUGMENTS[augment]

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        """Return the published training or test split: uint8 (rows, 3, 32, 32) and classes (rows,)."""
        raise NotImplementedError

    def load(self) -> Splits:
        (pixels, labels), (test_pixels, test_labels) = self.published(True), self.published(False)
        train, valid, _ = (torch.as_tensor(rows) for rows in three_way(len(pixels), 0.0, self.fraction, self.split_seed))
        inputs = [part.float() for part in (pixels[train], pixels[valid], test_pixels)]
        mean, deviation = inputs[0].mean((0, 2, 3), keepdim=True), inputs[0].std((0, 2, 3), correction=0, keepdim=True)
        for part in inputs:
            part.sub_(mean).div_(deviation)
        return Splits((inputs[0], labels[train]), (inputs[1], labels[valid]), (inputs[2], test_labels))

    def fetched(self, make: Callable[..., Any], **part: Any) -> Any:
        """Return torchvision's data set: `make` with the arguments `part`, fetched if necessary.

        Raises:
            DataError: torchvision cannot fetch it, or its digest differs.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock"):  # one run of a sweep fetches the files, the others wait
                return make(str(self.folder), download=True, **part)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self.folder_name}: torchvision cannot provide it in {self.folder}: {error}") from error


class CIFAR10(TorchvisionSet):
    """50,000 + 10,000 images of 10 classes."""

    folder_name = "cifar10"
    make: ClassVar[Callable[..., Any]] = torchvision.datasets.CIFAR10

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        loaded = self.fetched(type(self).make, train=train)
        return torch.from_numpy(loaded.data).movedim(-1, 1), torch.tensor(loaded.targets)


class CIFAR100(CIFAR10):
    """50,000 + 10,000 images of 100 classes."""

    folder_name = "cifar100"
    make = torchvision.datasets.CIFAR100


class SVHN(TorchvisionSet):
    """73,257 + 26,032 images of house numbers' digits, without the easier "extra" split."""

    folder_name = "svhn"

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        loaded = self.fetched(torchvision.datasets.SVHN, split="train" if train else "test")
        return torch.from_numpy(loaded.data).contiguous(), torch.as_tensor(loaded.labels)
