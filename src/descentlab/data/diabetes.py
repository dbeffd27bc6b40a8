"""Diabetes progression (Efron et al., Least Angle Regression, 2004), the copy in scikit-learn."""

from typing import Any

from sklearn.datasets import load_diabetes

from descentlab.data.loading.splits import Splits, standardise
from descentlab.data.loading.tensors import Embedded


class Diabetes(Embedded):
    """Standardised features (rows, 10); standardised target (rows, 1), whose scale is kept to report errors in its unit."""

    def load(self) -> Splits:
        loaded: Any = load_diabetes(scaled=False)
        parts = self.cut(loaded.data, loaded.target.reshape(-1, 1))
        inputs = standardise(*(x for x, _ in parts))
        targets = standardise(*(y for _, y in parts))
        scale = float(parts[0][1].std(correction=0))
        return Splits(*zip(inputs, targets, strict=True), target_scale=scale)
