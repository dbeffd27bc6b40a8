"""Saves a run now and then and when it is asked to end, and takes it up again where it was."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ModelParallelStrategy

from descentlab.parallel import ranks, weights
from descentlab.store import checkpoint as checkpoints
from descentlab.store.checkpoint import State
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.tasks.base import Task
from descentlab.training.curves import Curves
from descentlab.training.outcome import Outcome

GO_ON, SAVE, END = 0, 1, 2
SHARE = 0.02  # of the time, at most, goes into saving
HEAVY = ("weights", "optimizer", "best_weights")  # what only the first process needs of a model in shards


class Checkpointing(L.Callback):
    """Decides after every chunk of steps, and after the validation that may follow it, whether to go on, to save or to end.

    A run asked to end goes on to the next such point, saves and raises Interrupted. Several processes decide together.

    Args:
        folder: of the run.
        saved: what the checkpoint in it says, in the first process; None: the run begins.
        outcome, curves: what else there is to save.
        every: seconds between two saves; None: only when asked to end.
        keep: save at the end too, for whoever wants the weights.
    """

    def __init__(
        self,
        folder: Path,
        saved: State | None,
        interruption: Interruption,
        outcome: Outcome,
        curves: Curves,
        every: float | None,
        keep: bool,
    ) -> None:
        self.folder, self.saved, self.interruption = folder, saved, interruption
        self.outcome, self.curves, self.every, self.keep = outcome, curves, every, keep
        self.plan, self.clock = curves.plan, curves.clock
        self.due = math.inf if every is None else time.monotonic() + every

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Let all processes know where the run stands, before batches are asked for."""
        if stage != "fit":
            return
        if trainer.world_size > 1:
            heavy = HEAVY if isinstance(trainer.strategy, ModelParallelStrategy) else ()
            light = self.saved and {key: value for key, value in self.saved.items() if key not in heavy}
            self.saved = {**(trainer.strategy.broadcast(light) or {}), **(self.saved or {})}
        if self.saved:
            trainer.datamodule.start = self.saved["step"]  # pyright: ignore[reportAttributeAccessIssue]
            trainer.num_sanity_val_steps = 0  # the validation before the first step has been

    def on_train_start(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.saved:
            self._restore(task, self.saved)
            trainer.should_stop = self.saved["over"]
            self.saved = None

    def on_train_batch_end(self, trainer: L.Trainer, task: Task, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        step = task.step.count
        if self.plan.next_stop(step - 1) != step:  # else it is validated first
            self._decide(trainer, task)

    def on_train_epoch_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not self.plan.done(task.step.count):
            self._decide(trainer, task)

    def on_train_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.keep:
            self._save(task, over=True)

    def _decide(self, trainer: L.Trainer, task: Task) -> None:
        if trainer.should_stop:
            return
        wish = END if self.interruption.asked else SAVE if ranks.is_first() and time.monotonic() >= self.due else GO_ON
        if trainer.world_size > 1:
            wish = int(trainer.strategy.reduce(torch.tensor(wish, device=task.device), reduce_op="max"))
        if wish != GO_ON:
            self._save(task)
        if wish == END:
            raise Interrupted(f"{self.interruption.asked or 'another process'} at step {task.step.count}")

    def _save(self, task: Task, over: bool = False) -> None:
        began = time.monotonic()
        with self.clock.paused():
            state = {**self._state(task), "over": over}  # and only the test is to come
            if ranks.is_first():
                try:
                    checkpoints.write(self.folder, state)
                except OSError as error:
                    print(f"no checkpoint at step {task.step.count}: {error}", file=sys.stderr)
        now = time.monotonic()
        self.due = math.inf if self.every is None else now + max(self.every, (now - began) / SHARE)

    def _state(self, task: Task) -> State:
        return {
            "step": task.step.count,
            "stepping": task.step.state_dict(),
            "weights": weights.copied(task.model),
            "optimizer": weights.optimizer_state(task.model, task.step.bare_optimizer),
            "best_weights": self.outcome.best_weights,
            "outcome": self.outcome.state_dict(),
            "curves": self.curves.state_dict(),
            "clock": self.clock.seconds,
            "written": self.curves.sink.position(),
            "random": _of_all_processes(checkpoints.random_state()),
        }

    def _restore(self, task: Task, saved: State) -> None:
        weights.put(task.model, saved.get("weights", {}))
        weights.put_optimizer_state(task.model, task.step.bare_optimizer, saved.get("optimizer", {}))
        task.step.load_state_dict(saved["stepping"])
        self.outcome.load_state_dict(saved["outcome"])
        self.outcome.best_weights = saved.get("best_weights", {})
        self.clock.go_on_from(saved["clock"])
        self.curves.load_state_dict(saved["curves"])
        checkpoints.set_random_state(saved["random"][task.global_rank])


def _of_all_processes(mine: State) -> list[State]:
    """The states of all processes, by rank."""
    if not dist.is_initialized():
        return [mine]
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, mine)
    return gathered
