"""Numbers that are not finite."""

from __future__ import annotations

from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_lr


class Nonfinite:
    """Reports the first layer and tensor that were not finite, after the run has diverged."""

    name = "nonfinite"

    def check(self, history: History) -> Alert | None:
        if history.nonfinite is None:
            return None
        step, layer, tensor = (history.nonfinite.get(key) for key in ("step", "layer", "tensor"))
        where = f"{tensor} of {layer}" if layer else tensor
        fixes = history.fixes("trainer.precision=32-true", "model.activation=relu", "clip.norm=1", *with_lr(history, 0.1))
        return Alert(self.name, step or 0, f"not finite: {where} was the first one", layer, fixes)
