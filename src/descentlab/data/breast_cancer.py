"""Wisconsin diagnostic breast cancer (Street et al. 1993), the copy in scikit-learn."""

from typing import Any

from sklearn.datasets import load_breast_cancer

from descentlab.data.loading.splits import Splits, standardise
from descentlab.data.loading.tensors import Embedded


class BreastCancer(Embedded):
    """Standardised features (rows, 30); target (rows,) 1.0 for malignant, 0.0 for benign."""

    def load(self) -> Splits:
        loaded: Any = load_breast_cancer()
        train, valid, test = self.cut(loaded.data, 1.0 - loaded.target)
        inputs = standardise(train[0], valid[0], test[0])
        return Splits((inputs[0], train[1]), (inputs[1], valid[1]), (inputs[2], test[1]))
