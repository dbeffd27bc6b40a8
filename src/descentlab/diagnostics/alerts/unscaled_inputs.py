"""Inputs that are not scaled."""

from __future__ import annotations

from statistics import median

from descentlab.config.types import Positive
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_norm


class UnscaledInputs:
    """Reports features whose root mean square is far above 1, in a model without norm layers.

    The curvature of the loss along a weight is proportional to the mean square of the input that it multiplies, so that large
    inputs bound the learning rate of all weights.

    Args:
        scale: the smallest root mean square of a feature that counts as large.

    Source: LeCun et al. (1998), "Efficient BackProp", section 4.3.
    """

    name = "unscaled_inputs"

    def __init__(self, scale: Positive = 10.0) -> None:
        self.scale = scale

    def check(self, history: History) -> Alert | None:
        features = history.features
        if not features or max(features) < self.scale or history.setting("model.norm") not in (None, "none"):
            return None
        largest = max(range(len(features)), key=features.__getitem__)
        others = f"; the median over {len(features)} features is {median(features):.2g}" if len(features) > 1 else ""
        message = f"the inputs are not scaled: the root mean square of feature {largest} is {features[largest]:.2g}{others}"
        layer = next(iter(history.order), None)
        return Alert(self.name, 0, message, layer, history.fixes("data.pixels=standardised", *with_norm(history)))
