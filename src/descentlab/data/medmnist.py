"""Binary data sets of MedMNIST (Yang et al., MedMNIST v2, Scientific Data 10, 2023); CC BY 4.0."""

from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch

from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData


class MedMNIST(TensorData):
    """Images (rows, 1, 28, 28) with pixels in [0, 1]; target (rows,) 1.0 for the positive class, else 0.0.

    The published splits are used.

    Args:
        name: name of the registry's entry, pneumoniamnist or breastmnist.
        data_dir: folder of all data sets.
        positive_label: the published label of the positive class.
        properties: see DataProperties.
    """

    def __init__(self, name: str, data_dir: str, positive_label: Literal[0, 1], **properties: Unpack[DataProperties]) -> None:
        super().__init__(**properties)
        self.entry, self.folder, self.positive_label = REGISTRY[name], Path(data_dir), positive_label

    def load(self) -> Splits:
        [path] = materialise(self.entry, self.folder).values()
        with np.load(path) as arrays:
            train, valid, test = (self._part(arrays, part) for part in ("train", "val", "test"))
        return Splits(train, valid, test)

    def _part(self, arrays: Any, part: str) -> Batch:
        """Return inputs and targets of a published part, from uint8 images (rows, 28, 28) and labels (rows, 1)."""
        images = torch.from_numpy(arrays[f"{part}_images"]).unsqueeze(1).float() / 255
        return images, torch.from_numpy(arrays[f"{part}_labels"][:, 0] == self.positive_label).float()
