"""From a budget to steps: when a run ends, when it is validated, which epoch a step belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from descentlab.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """Where a run's steps lie.

    Args:
        rows: training examples in an epoch (those of a dropped last batch do not count).
        batch_size: examples a step, over all processes.
        total: the number of steps after which the budget is spent; None when only seconds bound it.
        validate_every: steps between validations.
        seconds: of training, after which the run ends.
    """

    rows: int
    batch_size: int
    total: int | None
    validate_every: int
    seconds: float | None = None

    @classmethod
    def of(
        cls,
        rows: int,
        batch_size: int | str,
        budget: Mapping[str, float | None],
        validate_every: int | None = None,
        drop_last: bool = False,
    ) -> Plan:
        """The plan for `rows` training examples: the tightest of the budget's bounds holds.

        Raises:
            UsageError: the batch is larger than the training set.
        """
        size = rows if batch_size == "full" else int(batch_size)
        if size > rows:
            raise UsageError(f"batch_size={size} is more than the {rows} training examples; batch_size=full takes all")
        used = rows // size * size if drop_last else rows
        epoch = math.ceil(used / size)
        bounds = [int(budget["steps"])] if budget["steps"] else []
        bounds += [max(1, math.ceil(round(budget["epochs"] * epoch, 6)))] if budget["epochs"] else []
        if budget["examples"]:
            epochs, rest = divmod(int(budget["examples"]), used)
            bounds.append(epochs * epoch + math.ceil(rest / size))
        total = min(bounds, default=None)
        return cls(used, size, total, validate_every or epoch, budget["seconds"])

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def examples(self, step: int) -> int:
        """How many examples the first `step` steps have seen."""
        epochs, within = divmod(step, self.steps_per_epoch)
        return epochs * self.rows + min(within * self.batch_size, self.rows)

    def next_stop(self, step: int) -> int:
        """The first step after `step` at which the run is validated or ends."""
        stop = (step // self.validate_every + 1) * self.validate_every
        return stop if self.total is None else min(stop, self.total)

    def done(self, step: int) -> bool:
        return self.total is not None and step >= self.total
