"""Estimators of scikit-learn as baselines: trees, forests, converged logistic regression, the mean."""

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

FLOOR = 1e-6  # lowest probability: a leaf with a single class predicts 0 or 1, whose logarithm would be infinite
NEVER = float(np.log(FLOOR))  # the log-probability of a class that the training split lacks


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Baseline that fits `classifier` to classes and binary targets, `regressor` to numbers.

    Args:
        classifier, regressor: scikit-learn estimators; None if it does not apply to such targets.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Regression, Binary, Classification)
    exact: ClassVar[bool] = False
    classifier: Any = None
    regressor: Any = None

    def fit(self, train: Batch) -> Predict:
        """Return the predictor fitted to the training split.

        Raises:
            UsageError: if there is no estimator for the kind of target.
        """
        inputs, targets = (part.cpu().numpy() for part in train)
        inputs = inputs.reshape(len(inputs), -1)
        numbers = targets.ndim == 2
        model = self.regressor if numbers else self.classifier
        if model is None:
            raise UsageError(f"baseline: it has no {'regressor' if numbers else 'classifier'}, which this task requires")
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
    """Return log(p / (1 - p)) of the positive class, (rows, 1), or log p of all classes up to the largest, (rows, classes)."""
    if binary:
        seen = list(classes)  # a single class, if the training split has no other
        yes = (probabilities[:, seen.index(1.0)] if 1.0 in seen else probabilities[:, 0] * 0).clip(FLOOR, 1 - FLOOR)
        return np.log(yes / (1 - yes))[:, None]
    full = np.zeros((len(probabilities), int(classes.max()) + 1))
    full[:, classes] = probabilities
    return np.log(full.clip(FLOOR))
