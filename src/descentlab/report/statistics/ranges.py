"""Ranges of metrics, which their confidence intervals respect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

SPLITS = re.compile(r"^(train|valid|test|baseline|best)/")


@dataclass(frozen=True)
class Bounds:
    """The range of a metric.

    Args:
        low: the least possible value; None: there is none.
        high: the greatest possible value; None: there is none.
    """

    low: float | None = None
    high: float | None = None

    def without_violated(self, values: Iterable[float]) -> Bounds:
        """Return the bounds without those that one of `values` violates: such a bound does not hold for this metric."""
        values = list(values)
        low = None if self.low is not None and min(values) < self.low else self.low
        high = None if self.high is not None and max(values) > self.high else self.high
        return replace(self, low=low, high=high)


UNBOUNDED = Bounds()
FRACTION = Bounds(0.0, 1.0)
POSITIVE = Bounds(0.0, None)

# By name, without the split. Metrics of the shipped tasks come first, then others that a user's task is likely to have.
BOUNDS: dict[str, Bounds] = {
    # classification, binary classification, faces, detection
    "accuracy": FRACTION,
    "auroc": FRACTION,
    "average_precision": FRACTION,
    "recall_at_1_percent_fpr": FRACTION,
    "sensitivity_at_90_specificity": FRACTION,
    "ks": FRACTION,  # max(TPR - FPR), which is at least its value at the highest threshold, 0
    "brier": FRACTION,
    "calibration_error": FRACTION,
    "eer": FRACTION,
    "map": FRACTION,
    "map_50": FRACTION,
    # regression, reconstruction, variational autoencoders
    "rmse": POSITIVE,
    "mae": POSITIVE,
    "mse": POSITIVE,
    "r2": Bounds(None, 1.0),
    "psnr": UNBOUNDED,  # in dB; negative if the error is larger than the peak
    "reconstruction": POSITIVE,  # cross-entropy of pixels in [0, 1]
    "kl": POSITIVE,
    # language modeling, test functions
    "perplexity": Bounds(1.0, None),  # exp of a cross-entropy >= 0
    "bits_per_character": POSITIVE,
    "distance": POSITIVE,
    "excess_risk": POSITIVE,
    # Losses are cross-entropies, squared errors and the like. Some test functions have values below 0: see bounds_of.
    "loss": POSITIVE,
    "train_loss": POSITIVE,
    "first_train_loss": POSITIVE,
    "last_train_loss": POSITIVE,
    # other numbers of a record
    "steps": POSITIVE,
    "best_step": POSITIVE,
    "diverged_step": POSITIVE,
    "steps_to_target": POSITIVE,
    "examples": POSITIVE,
    "epochs": POSITIVE,
    "gradient_evaluations": POSITIVE,
    "gradient_evaluations_to_target": POSITIVE,
    "seconds": POSITIVE,
    "train_seconds": POSITIVE,
    "seconds_to_target": POSITIVE,
    "tokens_per_second": POSITIVE,
    # not of a shipped task
    "error": FRACTION,
    "f1": FRACTION,
    "precision": FRACTION,
    "recall": FRACTION,
    "mrr": FRACTION,
    "iou": FRACTION,
    "dice": FRACTION,
}
PATTERNS = (
    (re.compile(r"^(ndcg|recall|precision|hit_rate)_at_\d+$"), FRACTION),
    (re.compile(r"^(top_?\d+|balanced)_(accuracy|error)$"), FRACTION),
    (re.compile(r"_(norm|loss|seconds)$"), POSITIVE),
)


def bounds_of(metric: str) -> Bounds:
    """Return the range of a metric or of another number of a record.

    A name fixes the range, whichever problem it is measured on. Losses are taken as non-negative: this holds for those of
    all shipped tasks except some test functions (saddle and monkey_saddle, whose minima are negative). A bound that
    a value violates is ignored where an interval is computed, see `Bounds.without_violated`.

    Args:
        metric: its name, with or without a split: "accuracy", "valid/accuracy", "train_seconds".

    Returns:
        UNBOUNDED if the name is unknown.
    """
    name = SPLITS.sub("", metric)
    if name in BOUNDS:
        return BOUNDS[name]
    return next((bounds for pattern, bounds in PATTERNS if pattern.search(name)), UNBOUNDED)
