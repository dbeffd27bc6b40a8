"""Gradients or weights that explode."""

from __future__ import annotations

from descentlab.config.types import Positive
from descentlab.diagnostics.alerts.alert import Alert, ByLayer, History
from descentlab.diagnostics.alerts.fixes import with_gates, with_lr, with_norm, with_radius, with_smaller_steps
from descentlab.diagnostics.alerts.rows import Unseen


class Exploding:
    """Reports that the gradient of a layer is too large for its weights, or that weights have grown many times.

    The measure of the gradient g of a layer with weights w is its elasticity |g| |w| / |L|: the relative change of the
    loss L for a relative change of the weights, to first order. It does not depend on the units of weights and loss. L is
    the loss before the first step, so that a loss near 0 does not count. Gradients that are clipped are not reported.

    Args:
        elasticity: the smallest |g| |w| / |L| that counts as exploding.
        growth: the smallest ratio of the norm of weights to the initial one that counts as exploding.

    Source: Pascanu et al. (2013), arXiv:1211.5063, section 2; the measure is this project's own.
    """

    name = "exploding"

    def __init__(self, elasticity: Positive = 300.0, growth: Positive = 300.0) -> None:
        self.elasticity, self.growth, self.unseen = elasticity, growth, Unseen()
        self.first: dict[str, float] = {}  # norms of the weights at the first measured step

    def check(self, history: History) -> Alert | None:
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            weights = history.in_order(quantities.get("weight_norm", {}))
            self.first = self.first or weights
            found = self._of_gradients(history, step, quantities.get("grad_norm", {}), weights)
            if found or (found := self._of_weights(history, step, weights)):
                return found
        return None

    def _of_gradients(self, history: History, step: int, gradients: ByLayer, weights: ByLayer) -> Alert | None:
        loss = abs(history.initial_loss or 0.0)
        values = {layer: gradients[layer] * weight for layer, weight in weights.items() if gradients.get(layer)}
        layer = max(values, key=lambda each: values[each], default="")
        is_clipped = any((history.setting("clip") or {}).values())
        if not layer or not loss or is_clipped or values[layer] < self.elasticity * loss:
            return None
        change = f"changing its weights by 1 % changes the loss by {0.01 * values[layer] / loss:.2g} times its initial value"
        cause, lower = with_smaller_steps(history, step)
        message = f"gradients explode: their norm is {gradients[layer]:.1e} in {layer}, where {change}{cause}"
        others = (*with_gates(history), *with_radius(history, 1.0), *with_norm(history), "clip.norm=1")
        return Alert(self.name, step, message, layer, history.fixes(*lower, *others))

    def _of_weights(self, history: History, step: int, weights: ByLayer) -> Alert | None:
        ratios = {layer: norm / self.first[layer] for layer, norm in weights.items() if self.first.get(layer)}
        layer = max(ratios, key=lambda each: ratios[each], default="")
        if not layer or ratios[layer] < self.growth:
            return None
        message = f"weights explode: their norm in {layer} is {weights[layer]:.1e}, {ratios[layer]:.0f} times the initial one"
        return Alert(self.name, step, message, layer, history.fixes(*with_lr(history, 0.1), "decay.rate=0.01", "clip.norm=1"))
