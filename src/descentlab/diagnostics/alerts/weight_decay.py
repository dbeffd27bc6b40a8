"""Weight decay so strong that the weights vanish."""

from __future__ import annotations

from statistics import median

from descentlab.config.types import PositiveFraction
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.rows import Unseen


class WeightDecay:
    """Reports that weight decay has shrunk the weights to a small fraction of their initial norms.

    Args:
        ratio: the largest median over layers of the ratio of the norm of weights to the initial one.

    Source: Krogh and Hertz (1992); Goodfellow et al. (2016), Deep Learning, section 7.1.1.
    """

    name = "weight_decay"

    def __init__(self, ratio: PositiveFraction = 0.2) -> None:
        self.ratio, self.unseen = ratio, Unseen()
        self.first: dict[str, float] = {}

    def check(self, history: History) -> Alert | None:
        rates = [history.setting(key) for key in ("optimizer.weight_decay", "auxiliary.weight_decay", "decay.rate")]
        if not any(rates):
            return None
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            weights = history.in_order(quantities.get("weight_norm", {}))
            self.first = self.first or weights
            ratios = {layer: norm / self.first[layer] for layer, norm in weights.items() if self.first.get(layer)}
            if ratios and median(ratios.values()) <= self.ratio:
                layer = min(ratios, key=lambda each: ratios[each])
                message = (
                    f"weight decay is too strong: the norm of the weights of {layer} is {ratios[layer]:.1g} of the initial one"
                )
                fixes = history.fixes("decay.rate=null", "optimizer.weight_decay=0.0")
                return Alert(self.name, step, message, layer, fixes)
        return None
