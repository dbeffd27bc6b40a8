"""The budget of a run, converted to steps: its end, its validations, and the number of examples after each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from descentlab.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """The number of steps of a run, and the steps at which it is validated.

    Args:
        rows: training examples in an epoch, without those of a dropped last batch.
        batch_size: examples per step, over all processes.
        total: the number of steps of the run; None if only seconds bound it.
        validate_every: steps between validations.
        seconds: duration of training after which the run ends; None: no bound.
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
        """Return the plan for `rows` training examples; of several bounds of the budget, the first reached applies.

        Args:
            rows: training examples.
            batch_size: examples per step, or "full" for all.
            budget: steps, epochs, examples and seconds, each a bound or None.
            validate_every: steps between validations; None: an epoch.
            drop_last: drop the last batch of an epoch if it is smaller than the others.

        Raises:
            UsageError: if the batch is larger than the training set.
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
        """The number of steps of an epoch, including a smaller last one."""
        return math.ceil(self.rows / self.batch_size)

    def examples(self, step: int) -> int:
        """Return the number of examples in the first `step` steps."""
        epochs, within = divmod(step, self.steps_per_epoch)
        return epochs * self.rows + min(within * self.batch_size, self.rows)

    def next_validation(self, step: int) -> int:
        """Return the first step after `step` at which the run is validated; the last validation is at its end."""
        scheduled = (step // self.validate_every + 1) * self.validate_every
        return scheduled if self.total is None else min(scheduled, self.total)

    def done(self, step: int) -> bool:
        """Return True if the run has ended after `step` steps; seconds are not considered."""
        return self.total is not None and step >= self.total
