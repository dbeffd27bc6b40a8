"""One optimizer step: schedule, forward, backward through the strategy, update. Every optimizer is stepped here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer

from descentlab.optim.captured import Capture, Captured
from descentlab.optim.evaluation import EvaluationWeights, FrozenStatistics
from descentlab.optim.kernels import kernels_of
from descentlab.optim.output_layer import output_layer_names
from descentlab.optim.randomness import seeded
from descentlab.optim.recipe import Recipe
from descentlab.optim.values import Values

if TYPE_CHECKING:
    from descentlab.data.loading.loader import Part

Loss = Callable[[tuple[Tensor, ...]], Tensor]


def twice_differentiable(loss: Loss) -> Loss:
    """Return `loss` with attention computed by its formula, since its fused kernels have no second derivative."""

    def by_formula(batch: tuple[Tensor, ...]) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            return loss(batch)

    return by_formula


class Step:
    """Takes optimizer steps and counts them; `count` is the x axis of every curve.

    Args:
        model: its parameters are updated.
        loss: batch -> scalar mean loss of the current model.
        backward: accumulates gradients; averages them over processes.
        optimizer: bare, or wrapped by Lightning where the wrapper has an effect.
        recipe: clipping, decay, schedules and averaging around the optimizer's update, and the inputs that it needs.
        total: the run's steps, if known.
        mean: averages a loss over processes.
        scale: a function that returns the factor by which half precision has multiplied the gradients.
        unaveraged: context in which `backward` leaves the averaging over processes to a later backward pass.
        pause: context in which the run's clock is stopped; used while tensors are captured.

    Attributes:
        evaluations: number of gradient evaluations; a Hessian-vector product counts as one.
        captured: the tensors of the last step that was measured (`capture` was not None).
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        backward: Callable[[Tensor], None],
        optimizer: Optimizer | LightningOptimizer,
        recipe: Recipe,
        total: int | None,
        mean: Callable[[Tensor], Tensor] = lambda loss: loss,
        scale: Callable[[], float] = lambda: 1.0,
        unaveraged: Callable[[], AbstractContextManager[None]] = nullcontext,
        pause: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.model, self.backward, self.optimizer = model, backward, optimizer
        self.loss = twice_differentiable(loss) if recipe.needs.graph else loss
        self.recipe, self.total, self.mean, self.scale = recipe, total, mean, scale
        self.unaveraged, self.pause = unaveraged, pause
        self.count = self.evaluations = 0
        self.captured = Captured()
        self.capture_gradients = False  # at the next evaluation
        self.values = Values(self.bare_optimizer, recipe)
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        last = output_layer_names(model)
        self.output_layer = {parameter for name, parameter in model.named_parameters() if name in last}
        names = {parameter: name for name, parameter in model.named_parameters()}
        self.names = [names.get(p, str(place)) for place, p in enumerate(self.parameters)]
        self.capture = Capture(self.names, self.parameters)
        self.average = recipe.average.averaged(self.parameters, total)
        self.evaluation_weights = EvaluationWeights(model, self.bare_optimizer, self.average, lambda: self.count)
        self.frozen = FrozenStatistics(model)
        needs = recipe.needs
        with_passes = self._with_two_passes if needs.two_passes else self._with_gradient
        self._has_plain_zero_grad = type(self.bare_optimizer).zero_grad is Optimizer.zero_grad
        self._evaluate_and_update = self._with_closure if needs.closure else with_passes

    def __call__(self, parts: Sequence[Part], capture: frozenset[str] | None = None) -> Tensor:
        """Update the weights once.

        Args:
            parts: the parts of the batch.
            capture: kinds of tensors to copy into `captured`: "weights" (before the step), "gradients"; None: the step is not
                measured, and `captured` is not set.

        Returns:
            The loss before the update; with several processes, this process's share of it.
        """
        self.values.set(self.count, self.total)
        if capture is not None:
            with self.paused():
                began = time.perf_counter()
                self.captured = self.capture.weights("weights" in capture)
                self.captured.seconds = time.perf_counter() - began
        self.capture_gradients = capture is not None and "gradients" in capture
        loss = self._evaluate_and_update(parts)
        self.count += 1
        self._update_average()
        return loss

    def _update_average(self) -> None:
        if self.average is not None:
            self.average.update(self.count)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Context in which the run's clock is stopped. Synchronizes a GPU on entry and on exit."""
        on_gpu = any(p.is_cuda for p in self.parameters[:1])
        if on_gpu:
            torch.cuda.synchronize()
        with self.pause():
            yield
            if on_gpu:
                torch.cuda.synchronize()

    def warm_up(self, batches: Sequence[Sequence[Part]]) -> None:
        """Run forward and backward once for each batch, given by its parts, and restore everything this changes.

        A compiled model is compiled by this.
        """
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        with seeded(0):
            for part in (part for parts in batches for part in parts):
                self._backward_part(part)
        self._clear_gradients()
        for buffer, before in buffers:
            buffer.copy_(before)

    def _with_gradient(self, parts: Sequence[Part]) -> Tensor:
        loss = self._evaluate(parts)
        self._finish_gradients()
        self._update()
        return loss

    def _with_closure(self, parts: Sequence[Part]) -> Tensor:
        losses: list[Tensor] = []

        @torch.enable_grad()
        def closure() -> Tensor:
            with self.frozen if losses else nullcontext():
                losses.append(self._evaluate(parts))
            self._finish_gradients()
            return self.mean(losses[-1]) + self.recipe.decay.penalty(self.bare_optimizer, self.values.decay)

        self._update(closure)
        return losses[0]

    def _with_two_passes(self, parts: Sequence[Part]) -> Tensor:
        loss = self._evaluate(parts)
        is_needed = self.recipe.decay.coupled or self.recipe.orthogonal_gradient.to
        before = {p: p.detach().clone() for p in self.parameters} if is_needed else None

        @torch.enable_grad()
        def again() -> Tensor:
            with self.frozen:
                second = self._evaluate(parts)
            self._finish_gradients(before)
            return self.mean(second)

        self._update(again)
        return loss

    def _evaluate(self, parts: Sequence[Part]) -> Tensor:
        """Return the loss of the batch at the current weights; its gradient is accumulated in the parameters."""
        self._clear_gradients()
        losses: list[Tensor] = []
        for place, part in enumerate(parts, 1):
            with nullcontext() if place == len(parts) else self.unaveraged():
                losses.append(self._backward_part(part))
        self.evaluations += 1
        if self.capture_gradients:
            self.capture_gradients = False  # only the first gradient of a step is the one at its weights
            with self.paused():
                began = time.perf_counter()
                self.captured.gradients = self.capture.gradients(self.scale())  # before they are clipped or changed
                self.captured.seconds += time.perf_counter() - began
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _clear_gradients(self) -> None:
        """Set the gradients to None; torch's own method costs a twentieth of a step of a small network, for its profiler."""
        if not self._has_plain_zero_grad:
            self.optimizer.zero_grad()
            return
        for parameter in self.parameters:
            parameter.grad = None

    def _backward_part(self, part: Part) -> Tensor:
        """Accumulate the gradient of a part of the batch, and return its share of the loss."""
        loss = self.loss(part.batch)
        if part.weight != 1.0:
            loss = loss * part.weight
        self.backward(loss)
        return loss.detach()

    def _finish_gradients(self, at: Mapping[Tensor, Tensor] | None = None) -> None:
        self.recipe.orthogonal_gradient(self.parameters, self.recipe.seed, self.count, at)
        self.recipe.decay.to_gradients(self.bare_optimizer, self.values.decay, at)
        self.recipe.clip(self.parameters, self.output_layer)
        self.recipe.noise(self.parameters, self.recipe.seed, self.count)

    def _update(self, closure: Callable[[], Tensor] | None = None) -> None:
        """Decay, update and project the weights. As in torch decay comes first, unless the update evaluates current weights."""
        arguments: Any = () if closure is None else (closure,)
        after = closure is not None or self.recipe.needs.graph
        if not after:
            self._decay()
        with seeded(hash((self.recipe.seed, self.count))) if self.recipe.needs.random else nullcontext():
            self.optimizer.step(*arguments)
        if after:
            self._decay()
        self.recipe.project(self.parameters)
        if self.recipe.needs.graph:
            self.evaluations += self._products()
            self._clear_gradients()  # a gradient with a graph and its weight form a reference cycle

    def _decay(self) -> None:
        self.recipe.decay.to_weights(self.bare_optimizer, self.values.multiplier, self.values.decay)

    def _products(self) -> int:
        """Return the number of Hessian-vector products of this step, from the attributes of pytorch_optimizer's classes."""
        period = getattr(self.bare_optimizer, "update_period", 1)
        return getattr(self.bare_optimizer, "num_samples", 1) if self.count % period == 0 else 0

    @property
    def bare_optimizer(self) -> Optimizer:
        """The optimizer itself, without Lightning's wrapper."""
        return self.optimizer.optimizer if isinstance(self.optimizer, LightningOptimizer) else self.optimizer

    @property
    def kernels(self) -> str:
        """The kernels that compute the update: fused or default, those of torch's optimizers; rule, a rule of descentlab."""
        return kernels_of(self.bare_optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Return the state other than weights and optimizer state, as whole tensors on any device."""
        average = None if self.average is None else self.average.state_dict()
        schedule = self.recipe.schedule.state_dict()
        return {"count": self.count, "evaluations": self.evaluations, "average": average, "schedule": schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`; the optimizer's own state must have been restored before."""
        self.count, self.evaluations = state["count"], state["evaluations"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.recipe.schedule.load_state_dict(state["schedule"])
        self.values.forget()
