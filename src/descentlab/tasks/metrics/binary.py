"""Metrics of binary classification. Each takes logits (batch,) and targets (batch,) of 1.0 or 0.0."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryCalibrationError,
    BinaryPrecisionRecallCurve,
    BinaryROC,
    BinarySensitivityAtSpecificity,
)

from descentlab.tasks.metrics.undefined import NO_EXAMPLE, no_value


def ranked(logits: Tensor) -> Tensor:
    """Return scores in (0, 1), > 1/2 for positive logits, which unlike the sigmoid keep the order of large logits."""
    wide = logits.float()
    return 0.5 + 0.5 * wide / (1 + wide.abs())


class TwoClassMetric(BinaryPrecisionRecallCurve):
    """Base class of binary metrics that are undefined if a split contains only one class.

    torchmetrics returns 0 or 1 in that case, independently of the scores.
    """

    undefined: str = ""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())

    def compute(self) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        targets = torch.cat([part.flatten() for part in self.target]) if isinstance(self.target, list) else self.target
        lacking = [kind for kind, value in (("positive", 1), ("negative", 0)) if not (targets == value).any()]
        self.undefined = f"the {{split}} split has no {' and no '.join(lacking)} example" if lacking else ""
        return no_value(self) if lacking else self.value()

    def value(self) -> Tensor:
        """Return the metric, a scalar, given examples of both kinds."""
        raise NotImplementedError


class AUROC(TwoClassMetric, BinaryAUROC):
    """The area under the receiver operating characteristic."""

    def value(self) -> Tensor:
        return BinaryAUROC.compute(self)


class AveragePrecision(TwoClassMetric, BinaryAveragePrecision):
    """The area under the precision-recall curve, as scikit-learn's average_precision_score.

    Without negative examples it would be 1 for any scores.
    """

    def value(self) -> Tensor:
        return BinaryAveragePrecision.compute(self)


class Sensitivity(TwoClassMetric, BinarySensitivityAtSpecificity):  # pyright: ignore[reportIncompatibleMethodOverride]
    """The largest sensitivity at a specificity of at least `min_specificity`."""

    def value(self) -> Tensor:
        return BinarySensitivityAtSpecificity.compute(self)[0]


class KolmogorovSmirnov(TwoClassMetric, BinaryROC):  # pyright: ignore[reportIncompatibleMethodOverride]
    """The largest distance between the score distributions of positives and negatives: max(TPR - FPR)."""

    def value(self) -> Tensor:
        false, true, _ = BinaryROC.compute(self)
        return (true - false).max()


class Brier(MeanSquaredError):
    """The mean squared difference between probability and outcome (Brier 1950)."""

    undefined = NO_EXAMPLE

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.float().sigmoid(), target.float())


class CalibrationError(BinaryCalibrationError):
    """The mean difference between probability and frequency over 15 bins, weighted by their sizes (Guo et al. 2017, eq. 3)."""

    undefined = NO_EXAMPLE

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.float().sigmoid(), target.long())

    def compute(self) -> Tensor:
        rows = sum(part.numel() for part in self.confidences) if isinstance(self.confidences, list) else len(self.confidences)
        return super().compute() if rows else no_value(self)


class Accuracy(BinaryAccuracy):
    """The fraction of examples classified correctly at a probability threshold of one half."""

    undefined = NO_EXAMPLE

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())

    def compute(self) -> Tensor:
        rows = self.tp + self.fp + self.tn + self.fn  # pyright: ignore[reportOperatorIssue]
        return super().compute() if rows else no_value(self)


METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": lambda: Accuracy(validate_args=False),
    "auroc": lambda: AUROC(validate_args=False),
    "average_precision": lambda: AveragePrecision(validate_args=False),
    "recall_at_1_percent_fpr": lambda: Sensitivity(min_specificity=0.99, validate_args=False),
    "sensitivity_at_90_specificity": lambda: Sensitivity(min_specificity=0.9, validate_args=False),
    "ks": lambda: KolmogorovSmirnov(validate_args=False),
    "brier": Brier,
    "calibration_error": lambda: CalibrationError(n_bins=15, validate_args=False),
}
