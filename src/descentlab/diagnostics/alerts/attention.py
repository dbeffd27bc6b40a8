"""Attention whose logits grow until its entropy dies."""

from __future__ import annotations

from descentlab.config.types import NonNegative, Positive
from descentlab.diagnostics.alerts.alert import Alert, ByLayer, History
from descentlab.diagnostics.alerts.fixes import with_lr
from descentlab.diagnostics.alerts.rows import Unseen


class Attention:
    """Reports attention logits so large that each query attends to a single key.

    Args:
        logit: the smallest absolute value of a logit that counts as large; a difference of 50 leaves e^-50 for the others.
        entropy: the largest mean entropy of attention that counts as dead, as a fraction of that of uniform attention.

    Source: Dehghani et al. (2023), arXiv:2302.05442, section 2; Zhai et al. (2023), arXiv:2303.06296;
        Wortsman et al. (2023), arXiv:2309.14322, section 3.1.
    """

    name = "attention"

    def __init__(self, logit: Positive = 50.0, entropy: NonNegative = 0.01) -> None:
        self.logit, self.entropy, self.unseen = logit, entropy, Unseen()

    def check(self, history: History) -> Alert | None:
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            logits, entropies = (history.in_order(quantities.get(f"attention_{name}", {})) for name in ("logit", "entropy"))
            if (layer := self._first(logits, self.logit)) is not None:
                return self._alert(history, step, f"attention logits grow: {logits[layer]:.3g} in {layer}", layer)
            negated = {layer: -entropy for layer, entropy in entropies.items()}
            if (layer := self._first(negated, -self.entropy)) is not None:
                return self._alert(
                    history,
                    step,
                    f"the entropy of attention dies: {entropies[layer]:.2g} of that of uniform attention in {layer}",
                    layer,
                )
        return None

    def _first(self, values: ByLayer, limit: float) -> str | None:
        return next((layer for layer, value in values.items() if value >= limit), None)

    def _alert(self, history: History, step: int, message: str, layer: str) -> Alert:
        return Alert(self.name, step, message, layer, history.fixes("model.qk_norm=true", *with_lr(history, 0.1)))
