"""The error of logits against classes: cross-entropy or squared, with or without weights of the classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def class_error(logits: Tensor, classes: Tensor, error: str, weights: Tensor | None) -> Tensor:
    """Return the mean over examples of weights[class] times the error of the example.

    Unlike in torch's `cross_entropy(weight=...)`, the sum is divided by the number of examples, not by that of their weights,
    so that the gradient of a batch is unbiased.

    Args:
        logits: (batch, classes).
        classes: (batch,).
        error: cross_entropy, -log softmax(logits)[class]; or squared, half the squared distance of the logits to the one-hot
            vector of the class.
        weights: (classes,); None: 1 for each class.
    """
    if error == "cross_entropy":
        if weights is None:
            return cross_entropy(logits, classes)
        each = cross_entropy(logits, classes, reduction="none")
    else:
        targets = classes[:, None] == torch.arange(logits.shape[1], device=logits.device)  # torch's one_hot has no vmap
        each = (logits - targets.to(logits)).square().sum(1) / 2
    return each.mean() if weights is None else (each * weights.to(each)[classes]).mean()
