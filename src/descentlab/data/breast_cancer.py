"""Wisconsin diagnostic breast cancer (Street et al. 1993), as scikit-learn ships it."""

from sklearn.datasets import load_breast_cancer

from descentlab.data.tensors import Embedded, Splits, standardise


class BreastCancer(Embedded):
    """Standardised features (rows, 30); target (rows,) 1.0 for malignant, 0.0 for benign."""

    def load(self) -> Splits:
        features, benign = load_breast_cancer(return_X_y=True)
        train, valid, test = self.cut(features, 1.0 - benign)
        inputs = standardise(train[0], valid[0], test[0])
        return Splits((inputs[0], train[1]), (inputs[1], valid[1]), (inputs[2], test[1]))
