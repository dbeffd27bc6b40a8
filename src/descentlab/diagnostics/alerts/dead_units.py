"""Units whose output is the same for every example, so that they do not learn."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

from descentlab.config.types import PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, ByLayer, History
from descentlab.diagnostics.alerts.fixes import with_lr, with_norm, with_radius, with_smaller_steps
from descentlab.diagnostics.alerts.rows import Unseen


class DeadUnits:
    """Reports a layer most of whose units are dead, or first layers whose gradient is zero at two successive measured steps.

    A unit is dead if its output is zero (ReLU) or saturated for the whole batch: the quantity `dead_units` of the light probes.
    If all units of a layer are dead, no gradient reaches it and the layers before it.

    Args:
        share: the smallest fraction of the units of a layer that counts.

    Source: Lu et al. (2019), arXiv:1903.06733; Maas et al. (2013), section 2.
    """

    name = "dead_units"

    def __init__(self, share: PositiveShare = 0.9) -> None:
        self.share, self.unseen = share, Unseen()
        self.silent: list[str] = []  # layers without a gradient at the last measured step
        self.before = 0  # that step

    def check(self, history: History) -> Alert | None:
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            if not all(quantities.get("weight_norm", {}).values()):  # weights of zero: see saddle
                self.silent = []
                continue
            if found := self._of_units(history, step, quantities.get("dead_units", {})):
                return found
            silent = self._without_gradient(history, quantities)
            if layer := next((layer for layer in reversed(silent) if layer in self.silent), None):
                return self._alert(history, self.before, f"no gradient reaches {layer}: all of its units are dead", layer)
            self.silent, self.before = silent, step
        return None

    def _of_units(self, history: History, step: int, dead: ByLayer) -> Alert | None:
        for layer, share in history.in_order(dead).items():
            if share >= self.share:
                return self._alert(history, step, f"{share:.0%} of the units of {layer} are dead", layer)
        return None

    def _without_gradient(self, history: History, quantities: Mapping[str, ByLayer]) -> list[str]:
        """Return the first layers of the model that have no gradient, if the last one has."""
        gradients = history.in_order(quantities.get("grad_norm", {}))
        if not gradients or not list(gradients.values())[-1]:
            return []
        return [layer for layer, _ in takewhile(lambda each: each[1] == 0, gradients.items())]

    def _alert(self, history: History, step: int, message: str, layer: str) -> Alert:
        cause, lower = with_smaller_steps(history, step)
        others = (*with_radius(history, 1.0), *with_norm(history), "model.activation=gelu", "model.activation=silu")
        return Alert(self.name, step, message + cause, layer, history.fixes(*lower, *others, *with_lr(history, 0.1)))
