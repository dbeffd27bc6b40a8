"""Scales of the input features of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import Data

EXAMPLES = 1000
_found: WeakKeyDictionary[Data, Sequence[float]] = WeakKeyDictionary()


def feature_scales(data: Data) -> Sequence[float]:
    """Return the root mean square of each input feature over the first 1,000 training examples.

    The runs of a fused group share their data, for which it is computed once. Codes of categories, the last columns of a table,
    have no scale. Empty if the inputs are not floating-point numbers in memory: token ids, for example, or images that are
    streamed.
    """
    if data not in _found:
        _found[data] = _computed(data)
    return _found[data]


def _computed(data: Data) -> Sequence[float]:
    splits = data.splits
    if not isinstance(splits, Splits) or not splits.train[0].is_floating_point():
        return ()
    scales = splits.train[0][:EXAMPLES].flatten(1).double().square().mean(0).sqrt().tolist()
    return scales[: len(scales) - len(getattr(data, "cardinalities", ()))]
