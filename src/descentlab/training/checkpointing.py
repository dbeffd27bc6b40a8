"""Save checkpoints of a run at intervals and when it is asked to end, and resume it at the same step."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch.distributed as dist

from descentlab.errors import UsageError
from descentlab.parallel import ranks, weights
from descentlab.parallel.collectives import broadcast, gather, maximum
from descentlab.store import checkpoint as checkpoints
from descentlab.store.checkpoint import State
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.tasks.base import Task
from descentlab.training.curves import Curves
from descentlab.training.events import CONTINUE, STOP, Boundary, Decision, Ended
from descentlab.training.observers import Observer
from descentlab.training.outcome import Outcome

CONTINUE_TRAINING, SAVE, END = 0, 1, 2  # ordered, since the processes of a run all follow the largest
SHARE = 0.02  # largest fraction of the time that is spent on saving
HEAVY = ("weights", "optimizer", "best_weights")  # parts of the state that only the first process needs if the model is sharded


class Stateful(Protocol):
    """The interface by which Lightning defines the state of a user's callback."""

    @property
    def state_key(self) -> str: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class Checkpointing(Observer):
    """Decides at every boundary between chunks whether to continue, to save, or to save and end.

    A run that is asked to end continues to the next boundary, saves and raises Interrupted. Several processes decide together.

    Args:
        folder: the run's folder.
        saved: content of the checkpoint in it, in the first process; None: the run starts from the beginning.
        interruption: reports whether the run was asked to end.
        task, outcome, curves, callbacks: the objects whose state is saved; that of callbacks has to be of tensors, numbers,
            strings, lists, tuples and dicts only.
        every: seconds between two saves; None: save only when the run is asked to end.
        keep: also save at the end of training, so that the weights can be used later.
    """

    def __init__(
        self,
        folder: Path,
        saved: State | None,
        interruption: Interruption,
        task: Task,
        outcome: Outcome,
        curves: Curves,
        callbacks: Sequence[Stateful],
        every: float | None,
        keep: bool,
    ) -> None:
        self.folder, self.saved, self.interruption = folder, saved, interruption
        self.task, self.outcome, self.curves, self.callbacks = task, outcome, curves, callbacks
        self.every, self.keep = every, keep
        self.plan, self.clock = curves.plan, curves.clock
        self.due = math.inf if every is None else time.monotonic() + every

    def locate(self) -> int | None:
        """Return the step of the checkpoint, and share its content with all processes."""
        if dist.is_initialized() and dist.get_world_size() > 1:
            light = self.saved and {key: value for key, value in self.saved.items() if key not in self._only_first()}
            self.saved = {**(broadcast(light) or {}), **(self.saved or {})}
        return self.saved["step"] if self.saved else None

    def _only_first(self) -> tuple[str, ...]:
        return HEAVY if self.task.is_sharded else ()

    def restore(self) -> Decision:
        callback_states(self.callbacks)  # an error ends the run before its first step instead of at its first checkpoint
        if not self.saved:
            return CONTINUE
        self._restore(self.saved)
        over, self.saved = self.saved["over"], None
        return STOP if over else CONTINUE

    def boundary(self, event: Boundary) -> None:
        due = ranks.is_first() and time.monotonic() >= self.due
        own = END if self.interruption.asked else SAVE if due else CONTINUE_TRAINING
        action = maximum(own, self.task.device)
        if action != CONTINUE_TRAINING:
            self.save()
        if action == END:
            raise Interrupted(f"{self.interruption.asked or 'another process'} at step {event.step}")

    def ended(self, event: Ended) -> None:
        if self.keep:
            self.save(over=True)

    def save(self, over: bool = False) -> None:
        """Write the checkpoint; `over` marks a run whose training is over. A failed write is reported, not raised."""
        began = time.monotonic()
        with self.clock.paused():
            state = {**self._state(), "over": over}
            if ranks.is_first():
                try:
                    checkpoints.write(self.folder, state)
                except OSError as error:
                    print(f"no checkpoint at step {self.task.step.count}: {error}", file=sys.stderr)
        now = time.monotonic()
        self.due = math.inf if self.every is None else now + max(self.every, (now - began) / SHARE)

    def _state(self) -> State:
        task = self.task
        return {
            "step": task.step.count,
            "stepping": task.step.state_dict(),
            "weights": weights.copy_weights(task.model),
            "optimizer": weights.optimizer_state(task.model, task.step.bare_optimizer),
            "best_weights": self.outcome.best_weights,
            "outcome": self.outcome.state_dict(),
            "curves": self.curves.state_dict(),
            "clock": self.clock.seconds,
            **self.curves.sink.positions(),
            "probes": task.probes.state_dict(),
            "callbacks": callback_states(self.callbacks),
            "random": gather(checkpoints.random_state()),
        }

    def _restore(self, saved: State) -> None:
        task = self.task
        weights.set_weights(task.model, saved.get("weights", {}))
        weights.set_optimizer_state(task.model, task.step.bare_optimizer, saved.get("optimizer", {}))
        task.step.load_state_dict(saved["stepping"])
        self.outcome.load_state_dict(saved["outcome"])
        self.outcome.best_weights = saved.get("best_weights", {})
        self.clock.resume_from(saved["clock"])
        self.curves.load_state_dict(saved["curves"])
        if probes := saved.get("probes"):
            task.probes.load_state_dict(probes)
        for callback in self.callbacks:
            if own := saved["callbacks"].get(callback.state_key):
                callback.load_state_dict(own)
        random: list[Any] = saved["random"]
        checkpoints.set_random_state(random[task.global_rank])


def callback_states(callbacks: Sequence[Stateful]) -> State:
    """Return the state of each callback by its key.

    Raises:
        UsageError: a state contains an object that a checkpoint could not be loaded with.
    """
    states: State = {}
    for callback in callbacks:
        states[callback.state_key] = state = callback.state_dict()
        if state and (reason := checkpoints.reason_not_loadable(state)):
            raise UsageError(
                f"state_dict() of the callback {type(callback).__name__} cannot be kept in a checkpoint: {reason}; "
                "it may consist of tensors, numbers, strings, lists, tuples and dicts"
            )
    return states
