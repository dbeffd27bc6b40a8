"""What a yes or no is judged by, in the terms of its field. Each takes logits (batch,) and targets (batch,) of 1.0 or 0.0."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torchmetrics import MeanSquaredError, Metric
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryAveragePrecision,
    BinaryCalibrationError,
    BinaryROC,
    BinarySensitivityAtSpecificity,
)


def ranked(logits: Tensor) -> Tensor:
    """Numbers in (0, 1), above a half for yes, that unlike the sigmoid keep the order of logits however large."""
    wide = logits.float()
    return 0.5 + 0.5 * wide / (1 + wide.abs())


class AUROC(BinaryAUROC):
    """The area under the receiver operating characteristic."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())


class AveragePrecision(BinaryAveragePrecision):
    """The area under the precision-recall curve, as scikit-learn's average_precision_score."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())


class Sensitivity(BinarySensitivityAtSpecificity):
    """The largest share of positives found where at least `min_specificity` of the negatives are passed."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())

    def compute(self) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().compute()[0]


class KolmogorovSmirnov(BinaryROC):
    """The largest distance between the score distributions of positives and negatives: max(TPR - FPR)."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())

    def compute(self) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        false, true, _ = super().compute()
        return (true - false).max()


class Brier(MeanSquaredError):
    """The mean squared difference between probability and outcome (Brier 1950)."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.float().sigmoid(), target.float())


class CalibrationError(BinaryCalibrationError):
    """The mean distance between probability and frequency over 15 bins, weighted by their sizes (Guo et al. 2017, eq. 3)."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds.float().sigmoid(), target.long())


class Accuracy(BinaryAccuracy):
    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(ranked(preds), target.long())


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
