"""The probes of a run: built from its config, measured in order, their cost recorded."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from descentlab.config.build import build
from descentlab.data.loading.loader import Part
from descentlab.diagnostics.probe import Batch, Context, Probe
from descentlab.optim.step import Captured
from descentlab.tasks.base import Task


class Probes:
    """Measures all probes of a run at the steps that its task selects.

    Args:
        probes: the probes, in the order of their columns in the curves.

    Attributes:
        seconds: spent by each probe so far, by its name.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = probes
        self.needs = frozenset(need for probe in probes for need in probe.needs)
        self.seconds = {probe.name: 0.0 for probe in probes}

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Probes:
        """Return the probes of a resolved config, whose node `diagnostics` holds one node for each."""
        return cls([build(node) for node in (config.get("diagnostics") or {}).values()])

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> dict[str, float]:
        """Return the numbers of all probes by name, for the step that `task` has just taken."""
        context = Context(
            step=task.step.count - 1,
            before=captured.before,
            after=captured.after,
            gradients=captured.gradients,
            loss=partial(task.loss, task.model),
            batches=[part.batch for part in parts],
            held_out=partial(_first_batch, task),
        )
        values: dict[str, float] = {}
        for probe in self.probes:
            began = time.perf_counter()
            values |= {name: float(value) for name, value in probe.measure(context).items()}
            self.seconds[probe.name] += time.perf_counter() - began
        return values


def _first_batch(task: Task) -> Batch:
    return next(iter(task.data.val_dataloader()))
