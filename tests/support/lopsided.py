"""Data sets for tests of metrics that are undefined: `data._target_=support.lopsided.Tumours`."""

from __future__ import annotations

import torch

from descentlab.data.breast_cancer import BreastCancer
from descentlab.data.diabetes import Diabetes
from descentlab.data.digits import Digits
from descentlab.data.loading.splits import Splits


def kept(split, keep, rows):
    """The rows of `split` whose target is `keep` (all where None), at most `rows` of them."""
    inputs, targets = split
    chosen = torch.arange(len(targets)) if keep is None else (targets == keep).nonzero().flatten()
    return inputs[chosen[:rows]], targets[chosen[:rows]]


class Tumours(BreastCancer):
    """Breast cancer with one class only in the validation or test split.

    Args:
        valid, test: the class that is left in that split; None: both.
        most: rows of either split.
    """

    def __init__(self, *fractions, valid=None, test=None, most=None, **more):
        super().__init__(*fractions, **more)
        self.keep = (valid, test, most)

    def load(self):
        splits, (valid, test, most) = super().load(), self.keep
        return Splits(splits.train, kept(splits.valid, valid, most), kept(splits.test, test, most))


class Progression(Diabetes):
    """Diabetes with few rows or constant targets in the validation and test splits.

    Args:
        most: rows of either split.
        constant: True if all targets of a split equal its first one.
        zero: True if all targets of the training split are 0.
        scale: of the target's unit.
    """

    def __init__(self, *fractions, most=None, constant=False, zero=False, scale=1.0, **more):
        super().__init__(*fractions, **more)
        self.most, self.constant, self.zero, self.scale = most, constant, zero, scale

    def load(self):
        splits = super().load()
        valid, test = (kept(split, None, self.most) for split in (splits.valid, splits.test))
        if self.constant:
            valid, test = ((inputs, targets[:1].expand_as(targets)) for inputs, targets in (valid, test))
        train = (splits.train[0], splits.train[1] * (not self.zero))
        return Splits(train, valid, test, splits.target_scale * self.scale)


class DigitsWithoutNines(Digits):
    """The digits, of which the training split has no 9."""

    def load(self):
        splits = super().load()
        rows = splits.train[1] < 9
        return Splits((splits.train[0][rows], splits.train[1][rows]), splits.valid, splits.test)

    def inferred(self, splits):
        return {**super().inferred(splits), "num_classes": 10}


class OneHugePixel(Digits):
    """The digits, of which a validation image has an infinite pixel."""

    def load(self):
        splits = super().load()
        splits.valid[0][0].flatten()[0] = torch.inf
        return splits
