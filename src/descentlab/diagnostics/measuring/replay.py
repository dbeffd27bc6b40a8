"""Repeat the last steps of a run from a saved state, to find the first tensor that was not finite."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from descentlab.compat import set_global_step
from descentlab.diagnostics.measuring.layers import tensor_norms
from descentlab.diagnostics.measuring.nonfinite import Place, Search, bad_update
from descentlab.optim.lightning_hooks import has_user_callbacks
from descentlab.tasks.base import Task
from descentlab.tasks.measurement import not_located

SHARE = 0.002  # largest fraction of the time of training that is spent on copies of the state


class SavedState(NamedTuple):
    """Copies of everything that determines the next steps of a run, except for its batches.

    Args:
        step: the number of steps taken.
        tensors: parameters and buffers of the model by name.
        optimizer: the optimizer's state.
        stepping: the state of the Step: counts, schedules, averages.
        scaler: the state of the scaler of half precision.
        random: the states of torch's generators of the CPU and of the GPU.
    """

    step: int
    tensors: dict[str, Tensor]
    optimizer: dict[str, Any]
    stepping: dict[str, Any]
    scaler: dict[str, Any]
    random: list[Tensor]


class Replay:
    """Keeps a recent state of a run whose weights were finite, from which steps can be repeated.

    The states of the generators of Python and NumPy are not in it: models draw from torch's.

    Attributes:
        seconds: spent so far.
    """

    def __init__(self) -> None:
        self.last: SavedState | None = None
        self.taken, self.cost, self.seconds = -math.inf, 0.0, 0.0  # when the last state was copied, and the seconds of the copy

    def begin(self, task: Task) -> None:
        """Copy the state if the time since the last copy is long in comparison with its cost, and the weights are finite."""
        if reason_against(task) or time.perf_counter() - self.taken < self.cost / SHARE:
            return
        with task.step.paused():
            began = time.perf_counter()
            weights = [parameter.detach() for parameter in task.step.parameters]
            if weights and bool(tensor_norms(weights).isfinite().all()):
                self.last = take(task)
            self.taken = time.perf_counter()
            self.cost = self.taken - began
            self.seconds += self.cost

    def first_nonfinite(self, task: Task, step: int) -> dict[str, Any] | None:
        """Repeat the steps from the last copied state to `step`, at most, and return the first non-finite tensor and its step.

        The run's state does not change.
        """
        reason = reason_against(task) or ("" if self.last else "there is no earlier state with finite weights")
        if reason or self.last is None:
            return not_located(step, f"the steps were not repeated: {reason}")
        with torch.inference_mode(False), torch.enable_grad():  # a validation may have disabled gradients
            now = take(task)
            try:
                with training(task):
                    return _repeat(task, self.last, step)
            except Exception as error:  # a diagnostic does not end a run
                return not_located(step, f"the steps could not be repeated: {type(error).__name__}: {error}")
            finally:
                restore(task, now)
                set_global_step(task.trainer, task.step.count)


def reason_against(task: Task) -> str:
    """Return why the steps of a run cannot be repeated; empty if they can."""
    if dist.is_initialized() and dist.get_world_size() > 1:
        return "several processes"
    return "callbacks" if has_user_callbacks(task.trainer) else ""


def _repeat(task: Task, start: SavedState, last: int) -> dict[str, Any] | None:
    """Return step, layer and tensor of the first value that is not finite from `start` to the step `last`."""
    restore(task, start)
    names = trained_names(task)
    for step in range(start.step, last + 1):
        parts = task.data.loader.parts(step)
        before, random = {name: tensor.clone() for name, tensor in tensors_of(task).items()}, random_states()
        loss = task.step(parts)
        after = {name: tensor.clone() for name, tensor in tensors_of(task).items() if name in names}
        update = bad_update({name: before[name] for name in names}, after)
        if update is None and bool(loss.isfinite()):
            continue
        set_random_states(random)
        others = {name: tensor for name, tensor in before.items() if name not in names}
        search = Search(task.model, task.loss, {name: before[name] for name in names}, others)
        place = search(parts, with_gradients=_scaler(task) is None) or update
        return (place or Place(None, "loss")).at(step)
    return None


def trained_names(task: Task) -> list[str]:
    """Return the names of the parameters that the optimizer trains, in the order of the model."""
    trained = set(task.step.parameters)
    return [name for name, parameter in task.model.named_parameters() if parameter in trained]


def tensors_of(task: Task) -> dict[str, Tensor]:
    """Return the parameters and buffers of the model by name."""
    tensors = [*task.model.named_parameters(), *task.model.named_buffers()]
    return {name: tensor.detach() for name, tensor in tensors}


def take(task: Task) -> SavedState:
    """Return a copy of the current state."""
    scaler = _scaler(task)
    return SavedState(
        task.step.count,
        {name: tensor.clone() for name, tensor in tensors_of(task).items()},
        copied(task.step.bare_optimizer.state_dict()),
        copied(task.step.state_dict()),
        {} if scaler is None else copied(scaler.state_dict()),
        random_states(),
    )


@torch.no_grad()
def restore(task: Task, saved: SavedState) -> None:
    """Set the state of a run to that of `saved`."""
    for name, tensor in tensors_of(task).items():
        tensor.copy_(saved.tensors[name])
    task.step.bare_optimizer.load_state_dict(copied(saved.optimizer))
    task.step.load_state_dict(copied(saved.stepping))
    if (scaler := _scaler(task)) is not None:
        scaler.load_state_dict(copied(saved.scaler))
    set_random_states(saved.random)


def copied(value: Any) -> Any:
    """Return a copy of nested dicts, lists and tuples of tensors and plain values."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return type(value)(copied(each) for each in value) if type(value) in (list, tuple) else value


def random_states() -> list[Tensor]:
    """Return the states of torch's generators of the CPU and, if it is used, of the current GPU."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else [])]


def set_random_states(states: list[Tensor]) -> None:
    """Restore the states that `random_states` returned."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)


@contextmanager
def training(task: Task) -> Iterator[None]:
    """Context in which the model is in training mode and computes in the run's precision; it restores the modes."""
    modes = [(module, module.training) for module in task.model.modules()]
    task.model.train()
    try:
        with task.trainer.precision_plugin.train_step_context():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _scaler(task: Task) -> Any:
    return getattr(task.trainer.precision_plugin, "scaler", None)
