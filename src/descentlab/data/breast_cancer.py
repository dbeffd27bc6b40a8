"""Wisconsin diagnostic breast cancer (Street et al. 1993), the copy in scikit-learn."""

from descentlab.data.loading.sklearn_files import read_numbers
from descentlab.data.loading.splits import Splits, standardise
from descentlab.data.loading.tensors import Embedded


class BreastCancer(Embedded):
    """Standardised features (rows, 30); target (rows,) 1.0 for malignant, 0.0 for benign."""

    def load(self) -> Splits:
        rows = read_numbers("breast_cancer.csv", delimiter=",", header_lines=1)  # 30 features, and 0 for malignant
        train, valid, test = self.cut(rows[:, :-1], 1.0 - rows[:, -1])
        inputs = standardise(train[0], valid[0], test[0])
        return Splits((inputs[0], train[1]), (inputs[1], valid[1]), (inputs[2], test[1]))
