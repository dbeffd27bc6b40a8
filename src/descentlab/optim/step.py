"""What one optimizer step is: schedule, forward, backward through the strategy, update. Every optimizer goes through here."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim import Optimizer

from descentlab.compat import foreach
from descentlab.optim.evaluation import EvaluationWeights, FrozenStatistics
from descentlab.optim.recipe import Recipe
from descentlab.optim.values import Values
from descentlab.parallel.weights import norm
from descentlab.store.checkpoint import random_state, set_random_state

if TYPE_CHECKING:
    from descentlab.data.loading.loader import Part

Loss = Callable[[tuple[Tensor, ...]], Tensor]
LISTENING = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")


def hands_through(trainer: L.Trainer) -> bool:
    """Whether Lightning would do nothing between the parts of a step: no gradient scaler, no callback that listens.

    Its own way through a step (manual_backward, LightningOptimizer.step) costs about as much as a step of softmax
    regression on 128 examples, for looking after hooks that are empty.
    """
    listens = any(is_overridden(hook, callback, L.Callback) for callback in trainer.callbacks for hook in LISTENING)  # pyright: ignore[reportAttributeAccessIssue]
    return not listens and getattr(trainer.precision_plugin, "scaler", None) is None


def backward_through(strategy: Strategy, loss: Tensor, create_graph: bool = False) -> None:
    """Accumulate the gradients of `loss`, averaged over processes where the strategy has several."""
    strategy.pre_backward(loss)
    loss.backward(create_graph=create_graph)
    strategy.post_backward(loss)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of Python, NumPy and torch that depend on `seed` alone; before and after, nothing has been drawn."""
    before = random_state()
    try:
        for sow in (random.seed, np.random.seed, torch.manual_seed):
            sow(seed % 2**32)
        yield
    finally:
        set_random_state(before)


def twice_differentiable(loss: Loss) -> Loss:
    """`loss`, with attention by its formula: its fused kernels have no second derivative."""

    def by_formula(batch: tuple[Tensor, ...]) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            return loss(batch)

    return by_formula


class Step:
    """Takes one step at a time and counts them; `count` is the x axis of every curve.

    Args:
        model: whose parameters are updated.
        loss: batch -> scalar mean loss of the model as it is.
        backward: accumulates gradients; averages them over processes.
        optimizer: bare, or wrapped by Lightning where it has something to add.
        recipe: what happens around the optimizer's update, and what it needs.
        total: the run's steps, if known.
        mean: averages a loss over processes.
        scale: what half precision has multiplied the gradients by.
        unaveraged: in its context, `backward` leaves the averaging to a later one.
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
    ) -> None:
        self.model, self.backward, self.optimizer = model, backward, optimizer
        self.loss = twice_differentiable(loss) if recipe.needs.graph else loss
        self.recipe, self.total, self.mean, self.scale = recipe, total, mean, scale
        self.unaveraged = unaveraged
        self.count = 0
        self.evaluations = 0  # of the gradient of a batch; a Hessian-vector product counts as one
        self.measured: dict[str, Tensor] = {}
        self.values = Values(self.bare_optimizer, recipe)
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.average = recipe.average.averaged(self.parameters, total)
        self.evaluation_weights = EvaluationWeights(model, self.bare_optimizer, self.average, lambda: self.count)
        self.frozen = FrozenStatistics(model)
        needs = recipe.needs
        self.take = self._with_closure if needs.closure else self._with_two_passes if needs.two_passes else self._with_gradient

    def __call__(self, parts: Sequence[Part], measure: bool = False) -> Tensor:
        """Update the weights once; returns the loss before the update, this process's share of it.

        Args:
            parts: of the batch.
            measure: set `measured`: the Euclidean norms of the whole gradient and of the update, scalars.
        """
        self.values.set(self.count, self.total)
        before = [p.detach().clone() for p in self.parameters] if measure else []
        self.measuring = measure
        loss = self.take(parts)
        if measure:
            now = [p.detach() for p in self.parameters]
            self.measured["update_norm"] = norm(foreach("sub", now, before))
        self.count += 1
        if self.average is not None:
            self.average.update(self.count)
        return loss

    def warm_up(self, parts: Sequence[Part]) -> None:
        """Go forward and backward once, as a compiled model must before its steps can be timed, and leave no trace."""
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        with seeded(0):
            for part in parts:
                self._part(part)
        self.optimizer.zero_grad()
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
        before = {p: p.detach().clone() for p in self.parameters} if self.recipe.decay.coupled else None

        @torch.enable_grad()
        def again() -> Tensor:
            with self.frozen:
                second = self._evaluate(parts)
            self._finish_gradients(before)
            return self.mean(second)

        self._update(again)
        return loss

    def _evaluate(self, parts: Sequence[Part]) -> Tensor:
        """The loss of the batch at the weights as they are, its gradient accumulated."""
        self.optimizer.zero_grad()
        losses: list[Tensor] = []
        for place, part in enumerate(parts, 1):
            with nullcontext() if place == len(parts) else self.unaveraged():
                losses.append(self._part(part))
        self.evaluations += 1
        if self.measuring:
            self.measuring = False  # the first gradient of a step is the one at its weights
            self.measured["grad_norm"] = self._norm()  # before it is clipped, or changed in place
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _part(self, part: Part) -> Tensor:
        loss = self.loss(part.batch)
        if part.weight != 1.0:
            loss = loss * part.weight
        self.backward(loss)
        return loss.detach()

    def _finish_gradients(self, at: Mapping[Tensor, Tensor] | None = None) -> None:
        self.recipe.decay.to_gradients(self.bare_optimizer, self.values.decay, at)
        self.recipe.clip(self.parameters)

    def _update(self, closure: Callable[[], Tensor] | None = None) -> None:
        """Weights decay before the optimizer moves them, as in torch; after it where it looks at them as they are."""
        arguments: Any = () if closure is None else (closure,)
        after = closure is not None or self.recipe.needs.graph
        if not after:
            self._decay()
        with seeded(hash((self.recipe.seed, self.count))) if self.recipe.needs.random else nullcontext():
            self.optimizer.step(*arguments)
        if after:
            self._decay()
        if self.recipe.needs.graph:
            self.evaluations += self._products()
            self.optimizer.zero_grad()  # a gradient with a graph and its weight hold each other

    def _decay(self) -> None:
        self.recipe.decay.to_weights(self.bare_optimizer, self.values.multiplier, self.values.decay)

    def _products(self) -> int:
        """The Hessian-vector products of this step, as pytorch_optimizer's classes say."""
        period = getattr(self.bare_optimizer, "update_period", 1)
        return getattr(self.bare_optimizer, "num_samples", 1) if self.count % period == 0 else 0

    @property
    def bare_optimizer(self) -> Optimizer:
        """The optimizer itself, without Lightning's wrapping."""
        return self.optimizer.optimizer if isinstance(self.optimizer, LightningOptimizer) else self.optimizer

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds besides weights and the optimizer's state; whole tensors on any device."""
        average = None if self.average is None else self.average.state_dict()
        schedule = self.recipe.schedule.state_dict()
        return {"count": self.count, "evaluations": self.evaluations, "average": average, "schedule": schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after `state`'s step, the optimizer having been given its state of then."""
        self.count, self.evaluations = state["count"], state["evaluations"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.recipe.schedule.load_state_dict(state["schedule"])
        self.values.forget()

    def _norm(self) -> Tensor:
        grads = [p.grad.detach() for p in self.parameters if p.grad is not None]
        return norm(grads) / self.scale()
