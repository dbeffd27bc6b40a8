"""The norms of a step that was taken outside of a run."""

from __future__ import annotations

from descentlab.diagnostics.grad_norm import GradNorm
from descentlab.diagnostics.probe import Context
from descentlab.diagnostics.probes import Probes
from descentlab.diagnostics.update_norm import UpdateNorm
from descentlab.optim.step import Step

PROBES = Probes([GradNorm(), UpdateNorm()])


def probed(step: Step) -> dict[str, float]:
    """Return the norms of the gradient and of the update of the step that captured the tensors they need."""
    seen = step.captured
    context = Context(step.count - 1, seen.before, seen.after, seen.gradients, lambda batch: batch[0], (), tuple)
    return {name: float(value) for probe in PROBES.probes for name, value in probe.measure(context).items()}
