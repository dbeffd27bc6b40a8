"""Metrics of an exported script, on the outputs (after `score`) and targets of all examples of a split."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from descentlab.tasks.metrics.binary import ranked


def accuracy(logits: Tensor, classes: Tensor) -> float:
    """Return the fraction of examples whose class has the largest logit."""
    return (logits.argmax(1) == classes).float().mean().item()


def binary_accuracy(logits: Tensor, targets: Tensor) -> float:
    """Return the fraction of examples classified correctly at a probability threshold of one half."""
    return ((ranked(logits) > 0.5) == (targets > 0.5)).float().mean().item()


def rates(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the counts of true and of false positives at each distinct threshold, from the highest score on, after (0, 0)."""
    scores, order = ranked(logits).sort(descending=True)
    distinct = torch.cat([scores[1:] != scores[:-1], torch.ones_like(scores[:1], dtype=torch.bool)])
    true = targets[order].double().cumsum(0)[distinct]
    both = torch.arange(1, len(scores) + 1, device=scores.device)[distinct]
    zero = true.new_zeros(1)
    return torch.cat([zero, true]), torch.cat([zero, both - true])


def auroc(logits: Tensor, targets: Tensor) -> float:
    """Return the area under the receiver operating characteristic."""
    true, false = rates(logits, targets)
    return torch.trapezoid(true / true[-1], false / false[-1]).item()


def average_precision(logits: Tensor, targets: Tensor) -> float:
    """Return the sum over thresholds of precision times the increase of recall."""
    true, false = rates(logits, targets)
    return ((true[1:] - true[:-1]) / true[-1] * true[1:] / (true[1:] + false[1:])).sum().item()


def kolmogorov_smirnov(logits: Tensor, targets: Tensor) -> float:
    """Return the largest difference of the rates of true and false positives."""
    true, false = rates(logits, targets)
    return (true / true[-1] - false / false[-1]).max().item()


def sensitivity(logits: Tensor, targets: Tensor, specificity: float) -> float:
    """Return the largest rate of true positives at a specificity of at least `specificity`."""
    true, false = rates(logits, targets)
    return (true / true[-1])[(1 - false / false[-1]).float() >= specificity].max().item()


def brier(logits: Tensor, targets: Tensor) -> float:
    """Return the mean squared difference of probability and outcome."""
    return (logits.sigmoid() - targets).square().mean().item()


def calibration_error(logits: Tensor, targets: Tensor) -> float:
    """Return the mean difference between probability and frequency over 15 bins, weighted by their sizes."""
    probabilities, bins = logits.sigmoid(), torch.linspace(0, 1, 16, device=logits.device)
    of_bin = torch.bucketize(probabilities, bins, right=True) - 1
    sums = torch.zeros(16, device=logits.device).index_add_(0, of_bin, probabilities - targets)
    return sums.abs().sum().item() / len(targets)


def root_mean_squared_error(predictions: Tensor, targets: Tensor, scale: float) -> float:
    """Return the root mean squared error in the unit of the target, `scale` times that of the standardized target."""
    return math.sqrt((predictions - targets).square().mean().item()) * scale


def mean_absolute_error(predictions: Tensor, targets: Tensor, scale: float) -> float:
    """Return the mean absolute error in the unit of the target."""
    return (predictions - targets).abs().mean().item() * scale


def r_squared(predictions: Tensor, targets: Tensor) -> float:
    """Return 1 - sum (y - prediction)^2 / sum (y - mean y)^2, averaged over outputs."""
    predictions, targets = predictions.double(), targets.double()
    residual = (targets - predictions).square().sum(0)
    return (1 - residual / (targets - targets.mean(0)).square().sum(0)).mean().item()


def mean_squared_error(outputs: Tensor, targets: Tensor) -> float:
    """Return the mean squared difference."""
    return (outputs - targets).square().mean().item()


def signal_to_noise(outputs: Tensor, targets: Tensor, peak: float) -> float:
    """Return 10 log10(peak^2 / mean squared error), in decibels."""
    return 10 * math.log10(peak**2 / mean_squared_error(outputs, targets))
