"""Scaling of grey images by statistics of the training split, projection on its principal components, and normalization."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from descentlab.errors import UsageError

Scaling = Literal["unit", "standardised", "centred"]


def scaled(train: Tensor, *others: Tensor, pixels: Scaling) -> tuple[Tensor, ...]:
    """Return images with scaled pixels, shapes (rows, channels, height, width), by the statistics of `train`.

    Args:
        train: images with pixels in [0, 1].
        others: images of other splits.
        pixels: unit (unchanged), standardised (by the mean and standard deviation of all pixels), or centred (less the mean
            image, divided by the standard deviation of all pixels).
    """
    if pixels == "unit":
        return train, *others
    shift = train.mean() if pixels == "standardised" else train.mean(0)
    return tuple((each - shift) / train.std() for each in (train, *others))


def projected(train: Tensor, *others: Tensor, components: int) -> tuple[Tensor, ...]:
    """Return the projections of images on the first principal components of `train`, shapes (rows, 1, 1, components).

    The mean of `train` is subtracted. Components are ordered by decreasing variance; the largest weight of each is positive.

    Args:
        train: images of any shape (rows, ...).
        others: images of other splits.
        components: their number, at most the number of pixels and of rows of `train`.

    Raises:
        UsageError: there are not as many components.
    """
    most = min(train.flatten(1).shape)
    if components > most:
        raise UsageError(f"data.components={components}: the training split has {most} principal components")
    mean = train.flatten(1).double().mean(0)
    _, _, axes = torch.linalg.svd(train.flatten(1).double() - mean, full_matrices=False)
    axes = axes[:components]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    axes = axes * largest.sign()
    return tuple(((each.flatten(1).double() - mean) @ axes.T).float()[:, None, None] for each in (train, *others))


def normalized(*splits: Tensor, norm: float) -> tuple[Tensor, ...]:
    """Return images that are multiplied by numbers such that each has the Euclidean norm `norm`; images of zeros stay.

    Args:
        splits: images of any shape (rows, ...).
        norm: positive.
    """
    return tuple(norm * torch.nn.functional.normalize(each.flatten(1)).view_as(each) for each in splits)
