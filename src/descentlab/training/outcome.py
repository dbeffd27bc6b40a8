"""How a run ends and what it amounts to: divergence, budget, target, early stopping, best weights, summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightning as L
from torch import Tensor

from descentlab.budget import Plan
from descentlab.parallel import weights
from descentlab.store.record import Status, finite, is_better
from descentlab.tasks.base import Steps, Task
from descentlab.training.clock import Clock


@dataclass(frozen=True)
class Stop:
    """The config's `stop` node.

    Args:
        divergence: a loss above so many times the validation loss at the start is a divergence; None: only one that is not
            finite.
        patience: validations without improvement after which a run stops; None: never.
        min_delta: by how much a value must beat the best one to be an improvement.
        at_target: stop when the target is reached.
    """

    divergence: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    at_target: bool = False


class Outcome(L.Callback):
    """Watches losses and validations, stops the trainer when the run is over, and keeps the best weights.

    Args:
        plan: where the budget ends.
        clock: of the run.
        stop: what else ends it.
        target: a value of the monitored validation metric.
    """

    def __init__(self, plan: Plan, clock: Clock, stop: Stop, target: float | None) -> None:
        self.plan, self.clock, self.stop, self.target = plan, clock, stop, target
        self.status, self.reason = Status.COMPLETED, ""
        self.summary: dict[str, Any] = {"target": target, "steps_to_target": None, "seconds_to_target": None}
        self.summary["gradient_evaluations_to_target"] = None
        self.summary |= {"best_valid": None, "best_step": None, "diverged_step": None}
        self.best_weights: dict[str, Tensor] = {}
        self.stale, self.reference = 0, None  # validations since the last improvement, and what that one reached
        self.bound = math.inf  # a loss above it is a divergence

    def on_train_batch_end(self, trainer: L.Trainer, task: Task, outputs: dict[str, Steps], *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        steps = outputs["steps"]
        self.summary.setdefault("first_train_loss", steps.losses[0])
        for done, loss in enumerate(steps.losses, 1):
            if self._diverges("training", loss, steps.first + done - 1):
                self.summary["gradient_evaluations"] = steps.evaluations[done - 1]
                steps.cut(done)
                trainer.should_stop = True
                break
        self.summary["last_train_loss"] = steps.losses[-1]
        if self.plan.done(task.step.count) or self._out_of_time(trainer):
            trainer.should_stop = True

    def _diverges(self, kind: str, loss: float, step: int) -> bool:
        if math.isfinite(loss) and loss <= self.bound:
            return False
        self.status, self.reason = Status.DIVERGED, f"the {kind} loss was {loss:.3g} at step {step}"
        self.summary["diverged_step"] = step
        return True

    def _out_of_time(self, trainer: L.Trainer) -> bool:
        if self.plan.seconds is None:
            return False
        return trainer.strategy.broadcast(self.clock.seconds) >= self.plan.seconds

    def on_validation_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.status is Status.DIVERGED:
            return
        metrics = task.validated()
        if trainer.sanity_checking:  # before the first step
            self._judge(metrics, task)
            if self.stop.divergence is not None and metrics["loss"] and math.isfinite(metrics["loss"]):
                self.bound = self.stop.divergence * abs(metrics["loss"])
        elif "loss" not in task.valid.undefined and self._diverges("validation", metrics["loss"], task.step.count):
            trainer.should_stop = True
        else:
            self._judge(metrics, task)
            trainer.should_stop |= self._enough()

    def _judge(self, metrics: dict[str, float], task: Task) -> None:
        """Keep what is best so far, and when the target was reached.

        A validation at which the monitored metric is undefined counts neither as an improvement nor towards the patience. While
        there has been no other, the latest weights are kept: the run is tested with those after its last step then.
        """
        value, step = metrics[task.monitor], task.step.count
        margin = self.stop.min_delta if task.mode == "min" else -self.stop.min_delta
        if is_better(value + margin, self.reference, task.mode):
            self.stale, self.reference = 0, value
        elif not math.isnan(value):
            self.stale += 1
        better = is_better(value, self.summary["best_valid"], task.mode)
        if better:
            self.summary |= {"best_valid": value, "best_step": step}
        if better or self.summary["best_step"] is None:
            self._keep(metrics, task)
        reached = self.target is not None and (value == self.target or is_better(value, self.target, task.mode))
        if reached and self.summary["steps_to_target"] is None:
            self.summary |= {"steps_to_target": step, "seconds_to_target": self.clock.seconds}
            self.summary["gradient_evaluations_to_target"] = task.step.evaluations

    def _keep(self, metrics: dict[str, float], task: Task) -> None:
        """Keep the weights and their validation metrics, with the reason of each that is undefined."""
        self.best_weights = weights.copied(task.model)
        self.summary["valid"] = finite(metrics)
        self.summary["undefined"] = {f"valid/{name}": reason for name, reason in task.valid.undefined.items()}

    def add(self, found: Mapping[str, Any]) -> None:
        """Take what was found after training into the summary; `undefined`, reasons by name, joins those that are there."""
        undefined = {**self.summary.get("undefined", {}), **found.get("undefined", {})}
        self.summary |= {**found, "undefined": undefined}
        if not undefined:
            del self.summary["undefined"]

    def _enough(self) -> bool:
        """Whether the run may end before its budget does."""
        if self.stop.at_target and self.summary["steps_to_target"] is not None:
            self.reason = f"reached the target {self.target:g}"
        elif self.stop.patience is not None and self.stale >= self.stop.patience:
            self.reason = f"no improvement in {self.stale} validations"
        return bool(self.reason)

    def state_dict(self) -> dict[str, Any]:
        """All but the best weights."""
        ended = {"status": str(self.status), "reason": self.reason}
        return {"summary": self.summary, "stale": self.stale, "reference": self.reference, "bound": self.bound, **ended}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.summary, self.bound = state_dict["summary"], state_dict["bound"]
        self.stale, self.reference = state_dict["stale"], state_dict["reference"]
        self.status, self.reason = Status(state_dict["status"]), state_dict["reason"]

    def on_train_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        diverged = self.summary["diverged_step"]
        count = task.step.count if diverged is None else diverged
        self.summary |= {"steps": count, "examples": self.plan.examples(count)}
        self.summary |= {"epochs": count / self.plan.steps_per_epoch, "train_seconds": self.clock.seconds}
        if task.tokens and self.clock.seconds:
            self.summary["tokens_per_second"] = task.tokens * self.summary["examples"] / self.clock.seconds
        self.summary.setdefault("gradient_evaluations", task.step.evaluations)  # a divergence has counted its own
        self.summary |= {"monitor": task.monitor, "mode": task.mode}
        self._explain(task.monitor)

    def _explain(self, monitor: str) -> None:
        """Give the reason if there is no best value, or none that a record can hold; drop `undefined` if nothing is."""
        undefined: dict[str, str] = self.summary.pop("undefined", {})
        reason = undefined.get(f"valid/{monitor}")
        if reason is not None and self.summary["best_step"] is None:
            tested = "" if self.status is Status.DIVERGED else "; the weights after the last step were tested"
            undefined["best_valid"] = f"{monitor} was undefined at every validation: {reason}{tested}"
        elif reason is not None:  # the best is infinite
            self.summary["best_valid"], undefined["best_valid"] = None, reason
        self.summary |= {"undefined": undefined} if undefined else {}
