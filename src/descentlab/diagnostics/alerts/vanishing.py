"""Gradients that vanish on the way back through the layers."""

from __future__ import annotations

from descentlab.config.types import PositiveFraction
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_smaller_steps
from descentlab.diagnostics.alerts.rows import Unseen


class Vanishing:
    """Reports that the gradient of the first layer is much smaller than that of the last hidden one.

    The last hidden layer is the one before the output layer; in a model of two layers, the output layer takes its place.

    Args:
        ratio: the largest ratio of the gradient norms of the first and the last hidden layer that counts as vanishing.

    Source: Bengio et al. (1994); Glorot and Bengio (2010), section 4.2; He et al. (2015), arXiv:1502.01852, for ReLUs.
    """

    name = "vanishing"

    def __init__(self, ratio: PositiveFraction = 1e-3) -> None:
        self.ratio, self.unseen = ratio, Unseen()

    def check(self, history: History) -> Alert | None:
        for _, (step, quantities) in self.unseen.of(history.layers.items()):
            norms = history.in_order(quantities.get("grad_norm", {}))
            if len(norms) < 2:
                continue
            (first, low), (last, high) = (list(norms.items())[place] for place in (0, -2 if len(norms) > 2 else -1))
            if 0 < low <= self.ratio * high:
                ratio = f"their norm is {low:.1e} in {first} and {high:.1e} in {last}, a ratio of {low / high:.1e}"
                cause, lower = with_smaller_steps(history, step)
                fixes = history.fixes(*lower, *self.fixes(history))
                return Alert(self.name, step, f"gradients vanish: {ratio}{cause}", first, fixes)
        return None

    def fixes(self, history: History) -> list[str]:
        """Return the overrides; an activation goes with the initial weights that keep the variance of its inputs."""
        activations = ["model.activation=relu model.init=he", "model.activation=tanh model.init=glorot"]
        if history.setting("model.activation") == "tanh":
            activations.reverse()
        first, second = activations
        return history.fixes(first, "model.residual=true", "model.norm=batch", second)
