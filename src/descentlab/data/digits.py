"""Handwritten digits, 8 x 8 (Alpaydin and Kaynak 1998), the copy in scikit-learn."""

from typing import Any, Literal, Unpack

from sklearn.datasets import load_digits

from descentlab.config.types import PositiveFraction, Seed
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, Embedded


class Digits(Embedded):
    """Images of shape (rows, 1, 8, 8), classes 0 to 9.

    Args:
        test_fraction, valid_fraction, split_seed: see Embedded.
        pixels: standardised (by the mean and standard deviation of all pixels of train) or unit (from 0 to 1).
        properties: see DataProperties.
    """

    def __init__(
        self,
        test_fraction: PositiveFraction,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        pixels: Literal["standardised", "unit"] = "standardised",
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(test_fraction, valid_fraction, split_seed, **properties)
        self.pixels = pixels

    def load(self) -> Splits:
        loaded: Any = load_digits()
        train, valid, test = self.cut(loaded.data.reshape(-1, 1, 8, 8), loaded.target)
        shift, scale = (train[0].mean(), train[0].std()) if self.pixels == "standardised" else (0.0, 16.0)
        train, valid, test = (((x - shift) / scale, y) for x, y in (train, valid, test))
        return Splits(train, valid, test)
