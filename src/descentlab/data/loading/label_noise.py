"""Wrong labels in the training split, as in studies of memorisation and of flat minima."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from descentlab.errors import UsageError


def with_wrong_labels(labels: Tensor, share: float, seed: int) -> Tensor:
    """Return `labels` with a share of them replaced by another class, drawn uniformly from those that occur.

    The number of wrong labels is exactly round(share * examples). Symmetric noise as in Foret et al. (arXiv:2010.01412, section
    3.3), except that a drawn label is never the right one.

    Args:
        labels: (examples,), integers.
        share: of the examples, in [0, 1].
        seed: of the draws.

    Raises:
        UsageError: the targets are not classes.
    """
    if labels.dim() != 1 or labels.is_floating_point():
        raise UsageError("data.label_noise replaces classes, but the targets of this data set are not classes")
    stream = np.random.default_rng([seed, len(labels)])
    rows = stream.permutation(len(labels))[: round(share * len(labels))]
    classes, codes = np.unique(labels.numpy(), return_inverse=True)
    if len(classes) < 2:
        raise UsageError("data.label_noise needs at least two classes in the training split")
    shifts = stream.integers(1, len(classes), size=len(rows))
    codes[rows] = (codes[rows] + shifts) % len(classes)
    return torch.from_numpy(classes[codes])
