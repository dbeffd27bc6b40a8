"""Handwritten digits, 8 x 8 (Alpaydin and Kaynak 1998), the copy in scikit-learn."""

from typing import Unpack

import numpy as np

from descentlab.config.types import Count, Positive, PositiveFraction, Seed, Share
from descentlab.data.loading.scaled_images import Scaling, normalized, projected, scaled
from descentlab.data.loading.sklearn_files import read_numbers
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, Embedded


class Digits(Embedded):
    """Images of shape (rows, 1, 8, 8), classes 0 to 9.

    Args:
        test_fraction, valid_fraction, split_seed: see Embedded.
        pixels: standardised (by the mean and standard deviation of all pixels of train), centred (by the mean image and the
            standard deviation of all pixels of train) or unit (from 0 to 1).
        components: the number of principal components of train on which the images are projected, which gives the shape (rows,
            1, 1, components); None: the images are not projected.
        example_norm: the Euclidean norm to which each image is scaled at last; None: it is not.
        label_noise: see TensorData.
        properties: see DataProperties.
    """

    def __init__(
        self,
        test_fraction: PositiveFraction,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        pixels: Scaling = "standardised",
        components: Count | None = None,
        example_norm: Positive | None = None,
        label_noise: Share = 0.0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(test_fraction, valid_fraction, split_seed, **properties)
        self.pixels: Scaling = pixels
        self.components, self.example_norm, self.label_noise = components, example_norm, label_noise

    def load(self) -> Splits:
        rows = read_numbers("digits.csv.gz", delimiter=",")  # 64 pixels from 0 to 16, and the class
        train, valid, test = self.cut(rows[:, :-1].reshape(-1, 1, 8, 8), rows[:, -1].astype(np.int64))
        images = scaled(train[0] / 16, valid[0] / 16, test[0] / 16, pixels=self.pixels)
        if self.components is not None:
            images = projected(*images, components=self.components)
        if self.example_norm is not None:
            images = normalized(*images, norm=self.example_norm)
        return Splits((images[0], train[1]), (images[1], valid[1]), (images[2], test[1]))
