"""Sets that torchvision fetches and checks by itself: CIFAR-10, CIFAR-100 (Krizhevsky 2009), SVHN (Netzer et al. 2011)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Unpack

import torch
import torchvision
from filelock import FileLock
from torch import Tensor

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.augment import AUGMENTS
from descentlab.data.loading.splits import Splits, three_way
from descentlab.data.loading.tensors import Facts, TensorData


class TorchvisionSet(TensorData):
    """Images (rows, 3, 32, 32), each channel standardised by its mean and deviation in train; classes (rows,).

    The published test split is test; valid is cut from train.

    Args:
        data_dir: a folder of the set's name below it holds what torchvision fetches.
        valid_fraction: of the published training split.
        split_seed: of that cut.
        augment: what is done to training batches, a key of AUGMENTS.
        facts: see Facts.
    """

    called: ClassVar[str]

    def __init__(
        self,
        data_dir: str,
        valid_fraction: float,
        split_seed: int = 0,
        augment: str = "none",
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(**facts)
        self.folder, self.fraction, self.split_seed = Path(data_dir) / self.called, valid_fraction, split_seed
        self.augment = AUGMENTS[augment]

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        """The published training or test split: uint8 (rows, 3, 32, 32) and classes (rows,)."""
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
        """What torchvision's class `make` has for `part`.

        Raises:
            DataError: it can be fetched from nowhere, or is not what was published.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock"):  # the runs of a sweep fetch once
                return make(str(self.folder), download=True, **part)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self.called}: torchvision cannot have it in {self.folder}: {error}") from error


class CIFAR10(TorchvisionSet):
    """50,000 + 10,000 images of 10 classes."""

    called = "cifar10"
    make: ClassVar[Callable[..., Any]] = torchvision.datasets.CIFAR10

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        loaded = self.fetched(type(self).make, train=train)
        return torch.from_numpy(loaded.data).movedim(-1, 1), torch.tensor(loaded.targets)


class CIFAR100(CIFAR10):
    """50,000 + 10,000 images of 100 classes."""

    called = "cifar100"
    make = torchvision.datasets.CIFAR100


class SVHN(TorchvisionSet):
    """73,257 + 26,032 house numbers' digits, without the easier extra ones."""

    called = "svhn"

    def published(self, train: bool) -> tuple[Tensor, Tensor]:
        loaded = self.fetched(torchvision.datasets.SVHN, split="train" if train else "test")
        return torch.from_numpy(loaded.data).contiguous(), torch.as_tensor(loaded.labels)
