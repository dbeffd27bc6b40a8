"""A layer that is not updated although it has a gradient."""

from __future__ import annotations

from descentlab.config.types import Count
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.rows import Unseen

LEAST = 1e-3  # of the largest gradient; a smaller one may change no weight in floating-point numbers


class FrozenLayer:
    """Reports a layer whose weights did not change at several measured steps, while it had a gradient and others changed.

    Args:
        steps: the number of measured steps.
    """

    name = "frozen_layer"

    def __init__(self, steps: Count = 2) -> None:
        self.steps, self.unseen = steps, Unseen()
        self.still: dict[str, list[int]] = {}  # layer -> the successive measured steps that did not change it

    def check(self, history: History) -> Alert | None:
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            updates, gradients = quantities.get("update_norm", {}), quantities.get("grad_norm", {})
            if not any(updates.values()):
                continue  # the learning rate is 0
            least = LEAST * max(gradients.values(), default=0.0)
            now = [each for each, norm in history.in_order(updates).items() if norm == 0 and gradients.get(each, 0.0) > least]
            self.still = {layer: [*self.still.get(layer, []), step] for layer in now}
            layer = next((layer for layer in now if len(self.still[layer]) >= self.steps), None)
            if layer is not None:
                steps = ", ".join(map(str, self.still[layer]))
                message = (
                    f"{layer} is frozen: its weights did not change at steps {steps}, its gradient is {gradients[layer]:.2g}"
                )
                return Alert(self.name, self.still[layer][0], message, layer, history.fixes("groups=[]", "lr_decay=1.0"))
        return None
