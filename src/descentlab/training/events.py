"""Events of a training run, and the decisions that observers return for them. Plain values without Lightning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self


@dataclass(frozen=True)
class StepsDone:
    """A chunk of consecutive optimizer steps was taken.

    Args:
        first: index of its first step, counted from 0.
        losses: for each step, the mean loss of its batch over all processes, before the update.
        evaluations: for each step, the number of gradient evaluations before it.
        measured: step -> learning rates and probe values by name, at the steps that are measured.
        layers: step -> quantity -> layer -> value, at the steps at which probes measured layers.
    """

    first: int
    losses: Sequence[float]
    evaluations: Sequence[int]
    measured: Mapping[int, Mapping[str, float]]
    layers: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of steps of the run up to the end of this chunk."""
        return self.first + len(self.losses)

    def until(self, step: int) -> Self:
        """Return the event without the steps after `step`."""
        size = step + 1 - self.first
        return replace(self, losses=self.losses[:size], evaluations=self.evaluations[:size])


@dataclass(frozen=True)
class Validated:
    """The validation split was evaluated.

    Args:
        step: number of steps taken so far.
        evaluations: number of gradient evaluations so far.
        metrics: by name, without "valid/".
        undefined: reason by name, for each metric that is undefined.
        before_training: True for the validation before the first step.
        batches: digest of the rows of all batches so far; None before the first step.
        stopping: True if the run ends after this validation.
    """

    step: int
    evaluations: int
    metrics: Mapping[str, float]
    undefined: Mapping[str, str]
    before_training: bool = False
    batches: str | None = None
    stopping: bool = False


@dataclass(frozen=True)
class Boundary:
    """A point between two chunks, after all rows about the first `step` steps were written: the run can be saved or ended."""

    step: int


@dataclass(frozen=True)
class Logged:
    """A user's callback logged `values` by name at `step`, after `evaluations` gradient evaluations."""

    step: int
    evaluations: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Ended:
    """Training is over after `step` steps and `evaluations` gradient evaluations."""

    step: int
    evaluations: int


@dataclass(frozen=True)
class Decision:
    """Decision of an observer about an event.

    Args:
        stop: end training; the validation that is due is still made.
        last_step: discard the steps of the chunk after this one; None keeps all.
    """

    stop: bool = False
    last_step: int | None = None


CONTINUE = Decision()
STOP = Decision(stop=True)


def cut_after(step: int) -> Decision:
    """Return the decision to stop and to discard all steps after `step`."""
    return Decision(stop=True, last_step=step)
