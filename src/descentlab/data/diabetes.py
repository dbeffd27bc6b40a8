"""Diabetes progression (Efron et al., Least Angle Regression, 2004), as scikit-learn ships it."""

from typing import Any

from sklearn.datasets import load_diabetes

from descentlab.data.loading.splits import Splits, standardise
from descentlab.data.loading.tensors import Embedded


class Diabetes(Embedded):
    """Standardised features (rows, 10); target (rows, 1) standardised, its scale kept to give errors in its own unit."""

    def load(self) -> Splits:
        loaded: Any = load_diabetes(scaled=False)
        parts = self.cut(loaded.data, loaded.target.reshape(-1, 1))
        inputs = standardise(*(x for x, _ in parts))
        targets = standardise(*(y for _, y in parts))
        scale = float(parts[0][1].std(correction=0))
        return Splits(*zip(inputs, targets, strict=True), target_scale=scale)
