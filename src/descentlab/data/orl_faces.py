"""The ORL faces (Samaria and Harter 1994): ten images of each of 40 people, some of whom are held out as strangers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Unpack

import numpy as np
import torch
from annotated_types import Len
from torch import Tensor
from torch.nn.functional import avg_pool2d

from descentlab.config.types import Count, Seed
from descentlab.data.fetch.entries.images import ORL_FACES
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.augment import AUGMENTS
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData

PEOPLE, EACH = 40, 10


class OrlFaces(TensorData):
    """Images (rows, 1, height, width), standardised by the mean and deviation of all pixels of train; people (rows,).

    People 0 to num_classes - 1 are known: each has images in train, valid and test. The others are strangers, absent from
    train, with all ten images in valid or in test; they serve to evaluate verification (do two images show one person?).

    Args:
        data_dir: folder of all data sets.
        shrink: the factor by which the sides of the published images, 112 x 92, are reduced.
        held_out: images of each known person in valid and in test.
        strangers: people in valid and in test.
        augment: transform of the training batches, a key of AUGMENTS.
        split_seed: seed of the choice of strangers and held-out images.
        properties: see DataProperties.
    """

    def __init__(
        self,
        data_dir: str,
        shrink: Count,
        held_out: Annotated[Sequence[Count], Len(2, 2)],
        strangers: Annotated[Sequence[Count], Len(2, 2)],
        augment: Literal["none", "crop_flip"] = "none",
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.folder, self.shrink, self.split_seed = Path(data_dir), shrink, split_seed
        self.held_out, self.strangers = held_out, strangers
        self.augment = AUGMENTS[augment]

    def load(self) -> Splits:
        """Return the images of each split.

        Raises:
            ValueError: held_out or strangers leave no images for train.
        """
        pixels = torch.from_numpy(np.load(materialise(ORL_FACES, self.folder)["faces.npy"]))
        small = avg_pool2d(pixels[:, None] / 255, self.shrink)
        numbers, people = self._parts()
        mean, deviation = small[numbers[0]].mean(), small[numbers[0]].std()
        faces = (small - mean) / deviation
        train, valid, test = ((faces[rows], people[rows]) for rows in numbers)
        return Splits(train, valid, test)

    def _parts(self) -> tuple[list[Tensor], Tensor]:
        """Return the shuffled image numbers of train, valid and test, and the person in each image, (400,)."""
        rng = np.random.default_rng(self.split_seed)
        known, (valid, test) = PEOPLE - sum(self.strangers), self.held_out
        if known < 1 or valid + test >= EACH:
            raise ValueError(f"data.strangers={self.strangers} and data.held_out={self.held_out} leave no images for train")
        order = rng.permutation(PEOPLE)
        images = EACH * order[:, None] + rng.permuted(np.tile(np.arange(EACH), (PEOPLE, 1)), axis=1)
        seen, unseen = images[:known], np.split(images[known:], [self.strangers[0]])
        parts = [seen[:, valid + test :], seen[:, :valid], seen[:, valid : valid + test]]
        joined = [part.ravel() for part in parts]
        joined[1:] = [np.concatenate([part, other.ravel()]) for part, other in zip(joined[1:], unseen, strict=True)]
        people = np.empty(PEOPLE * EACH, np.int64)
        people[images] = np.arange(PEOPLE)[:, None]
        return [torch.from_numpy(rng.permutation(part)) for part in joined], torch.from_numpy(people)
