"""Handwritten digits, 8 x 8 (Alpaydin and Kaynak 1998), as scikit-learn ships them."""

from typing import Any

from sklearn.datasets import load_digits

from descentlab.data.tensors import Embedded, Splits


class Digits(Embedded):
    """Images of shape (rows, 1, 8, 8), pixels centred and scaled by one mean and deviation (of train); classes 0 to 9."""

    def load(self) -> Splits:
        loaded: Any = load_digits()
        train, valid, test = self.cut(loaded.data.reshape(-1, 1, 8, 8), loaded.target)
        mean, deviation = train[0].mean(), train[0].std()
        train, valid, test = (((x - mean) / deviation, y) for x, y in (train, valid, test))
        return Splits(train, valid, test)
