"""The probes of a run: built from its config, measured at their intervals, their cost recorded."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from descentlab.config.build import build
from descentlab.config.shape import named_parts
from descentlab.data.loading.loader import Part
from descentlab.diagnostics.measuring.batch_loss import BatchLoss
from descentlab.diagnostics.measuring.costly_interval import CostlyInterval
from descentlab.diagnostics.measuring.model_functions import ModelFunctions
from descentlab.diagnostics.measuring.replay import Replay
from descentlab.diagnostics.measuring.tiers import ROW, Tier, tiers_of
from descentlab.diagnostics.probe import Batch, Context, Named, Probe
from descentlab.errors import UsageError, describe_error
from descentlab.optim.captured import Captured
from descentlab.optim.preconditioner import preconditioner, stability_limit
from descentlab.parallel.collectives import broadcast
from descentlab.parallel.weights import is_sharded
from descentlab.tasks.base import Task
from descentlab.tasks.measurement import Measured, not_located

BUDGET = 0.03  # of the time of training, by default
SHARDED = "it evaluates the model, whose weights trainer=fsdp shards"
COPIES, REPLAY = "copies", "replay"


class Probes:
    """Measures the probes of a run at their intervals.

    Args:
        probes: the probes, in the order of their columns in the curves.
        budget: the largest fraction of the time of training that measurements take. Probes of rows are measured at every row,
            whatever they cost; light probes take what these leave of two thirds of it, and full probes the rest.
        every: steps between two measurements of all probes but those of rows; None: as the budget allows.
        row: steps between two rows of the curves.

    Attributes:
        seconds: spent by each probe so far, by its name; by the copies of the tensors that they need ("copies"); and by the
            copies of the state from which the first tensor that is not finite is found ("replay").
        left_out: the reason why a probe is not measured, by its name.
    """

    def __init__(self, probes: Sequence[Probe], budget: float = BUDGET, every: int | None = None, row: int = 10) -> None:
        self.probes = probes
        self.tiers = tiers_of(probes, budget, every, row)
        self.seconds = {COPIES: 0.0, REPLAY: 0.0, **{probe.name: 0.0 for probe in probes}}
        self.left_out: dict[str, str] = {}
        self.replay = Replay() if probes else None
        self.row_seconds = 0.0  # of the last measurement of the probes of rows

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Probes:
        """Return the probes of a resolved config, whose node `diagnostics` holds one node for each, and their settings."""
        settings = config.get("diagnostics") or {}
        nodes = named_parts(config, "diagnostics")
        budget, every = settings.get("budget", BUDGET), settings.get("every")
        return cls([build(node) for node in nodes.values()], budget, every, config.get("log_every", 10))

    def needs(self, step: int) -> frozenset[str]:
        """Return the kinds of tensors that the probes read at `step`, at which the curves have a row."""
        return frozenset(need for tier in self.due(step) for need in tier.needs)

    def due(self, step: int) -> list[Tier]:
        """Return the tiers that are measured at `step`, at which the curves have a row."""
        return [tier for tier in self.tiers if tier.interval.is_due(step)]

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> Measured:
        """Return the numbers of the probes that are due at the step that `task` has just taken. Collective."""
        step, trained = task.step.count - 1, task.train_seconds()
        measured, due = Measured({}, {}), self.due(step)
        for interval in (tier.interval for tier in self.tiers):
            if isinstance(interval, CostlyInterval) and interval.is_waiting:
                interval.decide(step, broadcast(trained))
        if not due:
            return measured
        copies = captured.seconds if captured.before or captured.gradients else 0.0
        self.seconds[COPIES] += copies
        context: Any = StepTensors(captured.before, captured.after, captured.gradients)
        for tier in due:
            spent = 0.0
            if not (tier.reads_tensors_only or isinstance(context, Context)):
                context = context_of(task, parts, captured)
            if tier.needs - {"model"}:  # the first tier that reads copies pays for them
                spent, copies = copies, 0.0
            for probe in self._measurable(tier, task):
                began = time.perf_counter()
                measured.add(self.attempt(probe, partial(probe.measure, context)))
                seconds = time.perf_counter() - began
                self.seconds[probe.name] += seconds
                spent += seconds
            if tier.interval.steps is None:  # the processes of a run must agree
                trained, spent, self.row_seconds = broadcast((trained, spent, self.row_seconds))
            self.settle(tier, step, trained, spent)
        return measured

    def settle(self, tier: Tier, step: int, trained: float, spent: float) -> None:
        """Take note of the cost of a measurement of `tier`, from which its interval follows.

        Args:
            tier: the tier.
            step: at which it was measured.
            trained: seconds of training before the measurement.
            spent: seconds of the measurement; with several processes, the same in all of them.
        """
        if tier.name == ROW:
            self.row_seconds = spent
        share = sum(other.is_light for other in self.tiers)
        tier.interval.add(step, trained, spent, self.row_seconds / share if tier.is_light else 0.0)

    def attempt(self, probe: Probe, measure: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the numbers that `measure` returns for `probe`; none if it fails.

        A run does not depend on the probes of descentlab: one that cannot be measured is reported once, and left out.

        Raises:
            UsageError: the probe cannot be used with these settings.
            Exception: that of a user's own probe, which the trial step before a sweep then reports.
        """
        try:
            return measure()
        except UsageError:
            raise
        except Exception as error:
            if not type(probe).__module__.startswith("descentlab."):
                raise
            self.left_out[probe.name] = describe_error(error)
            print(f"the probe {probe.name} is left out, the run continues: {self.left_out[probe.name]}", file=sys.stderr)
            return {}

    def _measurable(self, tier: Tier, task: Task) -> list[Probe]:
        """Return the probes of `tier` without the light ones that cannot be measured, whose reason is noted."""
        evaluating = tier.is_light and "model" in tier.needs and is_sharded(task.model)
        self.left_out |= {probe.name: SHARDED for probe in tier.probes if evaluating and "model" in probe.needs}
        return [probe for probe in tier.probes if probe.name not in self.left_out]

    def begin(self, task: Task) -> None:
        """Copy the state of the run if it is time for that: see Replay."""
        if self.replay is not None:
            before = self.replay.seconds
            self.replay.begin(task)
            self.seconds[REPLAY] += self.replay.seconds - before

    def first_nonfinite(self, task: Task, step: int) -> dict[str, Any] | None:
        """Return step, layer and tensor of the first value that was not finite up to `step`; None if all were finite."""
        if self.replay is None:
            return not_located(step, "the run has no probes")
        return self.replay.first_nonfinite(task, step)

    def of_rows(self, before: Named, after: Named, gradients: Named) -> dict[str, Tensor]:
        """Return the numbers of the probes of rows, for a step given by its tensors; a pure function, for torch.vmap.

        Raises:
            AttributeError: a probe reads more than the weights and gradients of the step.
        """
        context: Any = StepTensors(before, after, gradients)
        found = (probe.measure(context) for tier in self.tiers if tier.name == ROW for probe in tier.probes)
        return {name: torch.as_tensor(value) for values in found for name, value in values.items()}

    def summary(self, trained: float) -> dict[str, Any]:
        """Return what the record holds about the diagnostics.

        Args:
            trained: the seconds of training, in which the diagnostics are not included.
        """
        spent = sum(self.seconds.values())
        every = {tier.name: tier.interval.steps for tier in self.tiers}
        left_out = {"left_out": dict(self.left_out)} if self.left_out else {}
        return {"overhead": spent / trained if trained else None, "every": every, "seconds": dict(self.seconds), **left_out}

    def state_dict(self) -> dict[str, Any]:
        """Return the intervals that are fixed, and the seconds so far."""
        fixed = {tier.name: tier.interval.steps for tier in self.tiers}
        return {"every": fixed, "seconds": dict(self.seconds)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state`. Probes that it does not contain, because the config was changed, start without an interval."""
        for tier in self.tiers:
            tier.interval.steps = state["every"].get(tier.name, tier.interval.steps)
        self.seconds |= {name: seconds for name, seconds in state["seconds"].items() if name in self.seconds}


class StepTensors(NamedTuple):
    """The part of a Context that consists of tensors."""

    before: Named
    after: Named
    gradients: Named


def context_of(task: Task, parts: Sequence[Part], captured: Captured) -> Context:
    """Return the context of the step that `task` has just taken."""
    functions = ModelFunctions(task.model, task.loss)
    lr = max(task.step.values.lrs.values(), default=0.0)
    return Context(
        step=task.step.count - 1,
        before=captured.before,
        after=captured.after,
        gradients=captured.gradients,
        batches=[part.batch for part in parts],
        loss=functions.loss,
        outputs=functions.outputs,
        held_out=partial(_first_batch, task),
        lr=lr,
        model=task.model,
        batch_loss=partial(BatchLoss, functions),
        preconditioner=partial(_preconditioner, task, lr),
        stability_limit=partial(_stability_limit, task),
        training=partial(_first_examples, task),
    )


def _preconditioner(task: Task, lr: float) -> Named | None:
    return preconditioner(task.step.bare_optimizer, dict(task.model.named_parameters()), lr)


def _stability_limit(task: Task) -> float | None:
    return stability_limit(task.step.bare_optimizer)


def _first_batch(task: Task) -> Batch:
    return next(iter(task.data.val_dataloader()))


def _first_examples(task: Task, number: int) -> Batch:
    """Return this process's share of the first `number` examples of the training split."""
    rank, world = task.data.placement.share
    own, found, rows = len(range(rank, number, world)), [], 0
    for batch in task.data.eval_loader(task.data.splits.train):
        found.append(batch)
        rows += len(batch[0])
        if rows >= own:
            break
    return tuple(torch.cat(parts)[:own] for parts in zip(*found, strict=True))
