"""Any estimator of scikit-learn beside the curves: trees, forests, converged logistic regression, the mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.errors import UsageError
from descentlab.tasks.base import Predict, Task
from descentlab.tasks.binary import Binary
from descentlab.tasks.classification import Classification
from descentlab.tasks.regression import Regression

FLOOR = 1e-6  # of a probability: a leaf that has seen one class only says 0 or 1, whose logarithm would be infinite
NEVER = float(np.log(FLOOR))  # the log-probability of a class that the training split lacks


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Trains `classifier` on classes and on yes or no, `regressor` on numbers; None: it has none of that kind."""

    suits: ClassVar[Sequence[type[Task]]] = (Regression, Binary, Classification)
    exact: ClassVar[bool] = False
    classifier: Any = None
    regressor: Any = None

    def fit(self, train: Batch) -> Predict:
        """Raises: UsageError: it has no estimator for such a target."""
        inputs, targets = (part.cpu().numpy() for part in train)
        inputs = inputs.reshape(len(inputs), -1)
        numbers = targets.ndim == 2
        model = self.regressor if numbers else self.classifier
        if model is None:
            raise UsageError(f"baseline: it has no {'regressor' if numbers else 'classifier'}, which this task needs")
        model.fit(inputs, targets.ravel() if numbers and targets.shape[1] == 1 else targets)

        def predict(x: Tensor) -> Tensor:
            rows = x.cpu().numpy().reshape(len(x), -1)
            if numbers:
                found = model.predict(rows).reshape(len(x), -1)
            else:
                found = _logits(model.predict_proba(rows), model.classes_, binary=targets.dtype != np.int64)
            return torch.as_tensor(found).to(x)

        return predict


def _logits(probabilities: Any, classes: Any, binary: bool) -> Any:
    """log(p / (1 - p)) of yes, shape (rows, 1), or the log p of all classes up to the largest, shape (rows, classes)."""
    if binary:
        seen = list(classes)  # one, where the training split has no other
        yes = (probabilities[:, seen.index(1.0)] if 1.0 in seen else probabilities[:, 0] * 0).clip(FLOOR, 1 - FLOOR)
        return np.log(yes / (1 - yes))[:, None]
    whole = np.zeros((len(probabilities), int(classes.max()) + 1))
    whole[:, classes] = probabilities
    return np.log(whole.clip(FLOOR))
