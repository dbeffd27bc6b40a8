"""Observers of a training run. Every engine calls them in the same order; they do not depend on the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from descentlab.training.events import CONTINUE, Boundary, Decision, Ended, Logged, StepsDone, Validated


class Observer:
    """Base class of observers. Every method does nothing unless it is overridden."""

    def locate(self) -> int | None:
        """Return the step to resume from, or None to start from the beginning. Called before batches are prepared."""
        return None

    def restore(self) -> Decision:
        """Restore the saved state. Called after the optimizer was made, before the first step."""
        return CONTINUE

    def training(self) -> None:
        """Called when training starts, and when it resumes after a validation."""

    def evaluating(self) -> None:
        """Called when a validation starts."""

    def batch_evaluated(self) -> None:
        """Called after each batch of a validation or a test."""

    def steps_done(self, event: StepsDone) -> Decision:
        return CONTINUE

    def logged(self, event: Logged) -> None: ...

    def validated(self, event: Validated) -> Decision:
        return CONTINUE

    def boundary(self, event: Boundary) -> None:
        """Save the run if a checkpoint is due.

        Raises:
            Interrupted: the run was asked to end.
        """

    def ended(self, event: Ended) -> None: ...


class Observers(Observer):
    """Calls observers in order. Each receives an event as amended by the decisions of those before it.

    Attributes:
        stopping: True once an observer has decided to stop.
    """

    def __init__(self, *observers: Observer) -> None:
        self.observers: Sequence[Observer] = observers
        self.stopping = False

    def locate(self) -> int | None:
        return next((step for each in self.observers if (step := each.locate()) is not None), None)

    def restore(self) -> Decision:
        return self._combine(each.restore() for each in self.observers)

    def training(self) -> None:
        for each in self.observers:
            each.training()

    def evaluating(self) -> None:
        for each in self.observers:
            each.evaluating()

    def batch_evaluated(self) -> None:
        for each in self.observers:
            each.batch_evaluated()

    def steps_done(self, event: StepsDone) -> Decision:
        """Pass on the steps; after a decision to cut, later observers receive only the steps that remain."""
        decisions: list[Decision] = []
        for each in self.observers:
            decisions.append(decision := each.steps_done(event))
            if decision.last_step is not None:
                event = event.until(decision.last_step)
        return self._combine(decisions)

    def logged(self, event: Logged) -> None:
        for each in self.observers:
            each.logged(event)

    def validated(self, event: Validated) -> Decision:
        """Pass on the validation; after a decision to stop, later observers receive it as the last one."""
        decisions: list[Decision] = []
        for each in self.observers:
            decisions.append(decision := each.validated(event))
            event = replace(event, stopping=event.stopping or decision.stop)
        return self._combine(decisions)

    def boundary(self, event: Boundary) -> None:
        for each in self.observers:
            each.boundary(event)

    def ended(self, event: Ended) -> None:
        for each in self.observers:
            each.ended(event)

    def _combine(self, decisions: Iterable[Decision]) -> Decision:
        """Return the first decision to stop, else CONTINUE; set `stopping` if there is one."""
        found = next((decision for decision in list(decisions) if decision.stop), CONTINUE)
        self.stopping = self.stopping or found.stop
        return found
