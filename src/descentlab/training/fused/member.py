"""A member of a fused group: an ordinary run, whose weights and optimizer state are slices of the tensors of a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descentlab.budget import Plan
from descentlab.data.loading.loader import StepLoader
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.optim.programs.columns import Numbers
from descentlab.optim.programs.step import PureStep, RunState
from descentlab.store.job import Job
from descentlab.tasks.base import Task
from descentlab.tracking.sinks import Sinks
from descentlab.training.fused.tracing import first_nonfinite
from descentlab.training.setup import RunObservers

if TYPE_CHECKING:
    from descentlab.training.fused.block import Block


class MemberStep:
    """The counterpart of optim.step.Step for a member: what checkpoints, records and validations read of a step.

    Args:
        task: the member's task, whose model holds the initial weights.
        optimizer: the member's optimizer. It takes no step; it holds hyperparameters, and states for checkpoints.
        step: the pure step of the group.
    """

    kernels = "rule"

    def __init__(self, task: Task, optimizer: Optimizer, step: PureStep) -> None:
        self.task, self.bare_optimizer, self.step = task, optimizer, step
        self.count = self.evaluations = 0
        self.state: RunState  # slices of the tensors of the block
        self.evaluation_weights: MemberWeights

    def link(self, state: RunState) -> None:
        """Make the model's parameters and buffers, and the optimizer's states, the tensors of `state`."""
        self.state = state
        parameters = dict(self.task.model.named_parameters())
        buffers = dict(self.task.model.named_buffers())
        for name, weight in zip(self.step.names, state.weights, strict=True):
            parameters[name].data = weight
        for name, tensor in state.buffers.items():
            (buffers if name in buffers else parameters)[name].data = tensor

    def state_dict(self) -> dict[str, Any]:
        """Return the state in the format of `Step.state_dict`; the optimizer's state becomes that of the block."""
        self._share_rules()
        count = self._averaged()
        mean = [mean.clone() for mean in self.state.mean] if count else []  # before, the average follows the weights
        average = {"count": count, "mean": mean} if self.state.mean else None
        schedule = self.task.recipe.schedule.state_dict()
        return {"count": self.count, "evaluations": self.evaluations, "average": average, "schedule": schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`; the weights and the optimizer's own state must have been restored before."""
        self.count, self.evaluations = state["count"], state["evaluations"]
        self.task.recipe.schedule.load_state_dict(state["schedule"])
        if self.state.mean and state["average"]:
            for mean, each in zip(self.state.mean, state["average"]["mean"] or self.state.weights, strict=True):
                mean.copy_(each)
        for parameter, own in zip(self._parameters(), self.state.rules, strict=True):
            found: dict[str, Any] = self.bare_optimizer.state.get(parameter, {})
            for name, tensor in own.items():
                if name in found:
                    tensor.copy_(torch.as_tensor(found[name]).view_as(tensor))
                elif name == "step":  # of a rule that counts steps where torch's optimizer does not
                    tensor.fill_(self.count)

    def _share_rules(self) -> None:
        """Put the states of the rules into the optimizer, whose names they have."""
        for parameter, own in zip(self._parameters(), self.state.rules, strict=True):
            self.bare_optimizer.state[parameter] = dict(own)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.bare_optimizer.param_groups for parameter in group["params"]]

    def _averaged(self) -> int:
        """Return the number of steps whose weights are in the average."""
        return max(0, self.count - self.task.recipe.average.first_step(self.task.total_steps))


class MemberWeights:
    """The counterpart of optim.evaluation.EvaluationWeights for a member.

    Args:
        step: the member's step.
        numbers: the numbers of its steps, from which schedule-free rules compute the evaluation weights.
    """

    def __init__(self, step: MemberStep, numbers: Numbers) -> None:
        self.step, self.numbers = step, numbers
        self.saved: list[Tensor] = []

    @torch.no_grad()
    def apply(self, inputs: Iterable[Tensor]) -> None:
        """Put the evaluation weights into the model. `inputs` are not read: running statistics are not recomputed."""
        state, pure, count = self.step.state, self.step.step, self.step.count
        if not count or not pure.has_evaluation_weights:
            return
        self.saved = [weight.clone() for weight in state.weights]
        last = torch.from_numpy(self.numbers.table(count - 1, 1)[0]).to(self.saved[0].device)
        for weight, value in zip(state.weights, pure.evaluation_weights(state, last), strict=True):
            weight.copy_(value)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the training weights back."""
        for weight, value in zip(self.step.state.weights, self.saved, strict=bool(self.saved)):
            weight.copy_(value)
        self.saved = []


class Member:
    """One run of a fused group.

    Args:
        job: the run.
        plan: its plan.
        task: its task, with the initial weights of its seed.
        optimizer: its optimizer.
        step: the pure step of the group.
        loader: the batches of its data_seed, which other members may use, too.
        observers: its observers.
        sinks: where its curves go.
    """

    def __init__(
        self,
        job: Job,
        plan: Plan,
        task: Task,
        optimizer: Optimizer,
        step: PureStep,
        loader: StepLoader,
        observers: RunObservers,
        sinks: Sinks,
    ) -> None:
        self.job, self.plan, self.task, self.loader = job, plan, task, loader
        self.observers, self.sinks = observers, sinks
        self.step = MemberStep(task, optimizer, step)
        task.step = self.step  # pyright: ignore[reportAttributeAccessIssue]
        self.numbers = Numbers(task.recipe, optimizer, plan.total)
        self.step.evaluation_weights = MemberWeights(self.step, self.numbers)
        self.is_active = True
        self.block: Block
        task.probes = self.probes = Probes.of(job.config)
        task.first_nonfinite = partial(first_nonfinite, self)
        self.slot: int

    def spend(self, seconds: Mapping[str, float]) -> None:
        """Add this member's share of the seconds of measurements, by probe."""
        for name, each in seconds.items():
            self.probes.seconds[name] += each

    @property
    def is_over(self) -> bool:
        """True if the member takes no further step."""
        return self.observers.stopping or self.plan.done(self.step.count)
