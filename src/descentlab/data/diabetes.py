"""Diabetes progression (Efron et al., Least Angle Regression, 2004), the copy in scikit-learn."""

from descentlab.data.loading.sklearn_files import read_numbers
from descentlab.data.loading.splits import Splits, standardise
from descentlab.data.loading.tensors import Embedded


class Diabetes(Embedded):
    """Standardised features (rows, 10); standardised target (rows, 1), whose scale is kept to report errors in its unit."""

    def load(self) -> Splits:
        features, targets = read_numbers("diabetes_data_raw.csv.gz"), read_numbers("diabetes_target.csv.gz")
        parts = self.cut(features, targets.reshape(-1, 1))
        inputs = standardise(*(x for x, _ in parts))
        outputs = standardise(*(y for _, y in parts))
        scale = float(parts[0][1].std(correction=0))
        return Splits(*zip(inputs, outputs, strict=True), target_scale=scale)
