"""Outcome of a run: divergence, budget, target, early stopping, best weights, summary."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from descentlab.budget import Plan
from descentlab.parallel.collectives import broadcast
from descentlab.store.record import Status, finite, is_better
from descentlab.training.clock import Clock
from descentlab.training.events import CONTINUE, STOP, Decision, Ended, StepsDone, Validated, cut_after
from descentlab.training.observers import Observer
from descentlab.training.stopping import Goal, Stop, rules_of


class Outcome(Observer):
    """Decides when a run ends, keeps the best weights and summarises the run.

    Args:
        plan: the steps of the run; its budget ends it.
        clock: the run's clock.
        stop: the other conditions that end it.
        goal: the metric that decides which weights are best.
        copy_weights: a function that returns a copy of the evaluation weights. It is collective: all processes call it at
            the same validations.
        tokens: number of tokens in an example, if they are counted.

    Attributes:
        summary: the numbers of the run's record, by name.
        best_weights: copied at the best validation.
        first_nonfinite: (step) -> step, layer and tensor of the first value that was not finite up to `step`; None: all were.
    """

    first_nonfinite: Callable[[int], dict[str, Any] | None] = staticmethod(lambda _: None)

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        stop: Stop,
        goal: Goal,
        copy_weights: Callable[[], dict[str, Tensor]] = dict,
        tokens: int = 0,
    ) -> None:
        self.plan, self.clock, self.stop, self.goal = plan, clock, stop, goal
        self.copy_weights, self.tokens = copy_weights, tokens
        self.status, self.reason = Status.COMPLETED, ""
        self.summary: dict[str, Any] = {"target": goal.target, "steps_to_target": None, "seconds_to_target": None}
        self.summary["gradient_evaluations_to_target"] = None
        self.summary |= {"best_valid": None, "best_step": None, "diverged_step": None}
        self.best_weights: dict[str, Tensor] = {}
        self.rules = rules_of(stop, goal)
        self.bound = math.inf  # the loss above which the run has diverged

    def steps_done(self, event: StepsDone) -> Decision:
        """Stop at the end of the budget; cut the chunk after the step whose loss diverged."""
        self.summary.setdefault("first_train_loss", event.losses[0])
        for step, loss in enumerate(event.losses, event.first):
            if self._diverges("training", loss, step):
                self.summary |= {"gradient_evaluations": event.evaluations[step - event.first], "last_train_loss": loss}
                return cut_after(step)
        for rule in self.rules.values():
            rule.steps_done(event)
        self.summary["last_train_loss"] = event.losses[-1]
        return STOP if self.plan.done(event.count) or self._out_of_time() else CONTINUE

    def _diverges(self, kind: str, loss: float, step: int) -> bool:
        if math.isfinite(loss) and loss <= self.bound:
            return False
        self.status, self.reason = Status.DIVERGED, f"the {kind} loss was {loss:.3g} at step {step}"
        self.summary["diverged_step"] = step
        if not math.isfinite(loss):
            with self.clock.paused():
                found = self.first_nonfinite(step if kind == "training" else step - 1)
            self.summary["nonfinite"] = found or {"step": step, "layer": None, "tensor": f"{kind} loss"}
        return True

    def _out_of_time(self) -> bool:
        return self.plan.seconds is not None and broadcast(self.clock.seconds) >= self.plan.seconds

    def validated(self, event: Validated) -> Decision:
        """Update the best weights and the target; stop if the validation loss diverged or a stop rule holds."""
        if self.status is Status.DIVERGED:
            return CONTINUE
        if event.before_training:
            self._update(event)
            loss = event.metrics["loss"]
            if self.stop.divergence is not None and loss and math.isfinite(loss):
                self.bound = self.stop.divergence * abs(loss)
            return CONTINUE
        if "loss" not in event.undefined and self._diverges("validation", event.metrics["loss"], event.step):
            return STOP
        self._update(event)
        return STOP if self._stops_early() else CONTINUE

    def _update(self, event: Validated) -> None:
        """Update the stop rules, the best value and weights, and the steps to the target.

        Until a validation defines the metric, the latest weights are kept, so that the weights after the last step are tested.
        """
        value, mode = event.metrics[self.goal.metric], self.goal.mode
        for rule in self.rules.values():
            rule.validated(event)
        better = is_better(value, self.summary["best_valid"], mode)
        if better:
            self.summary |= {"best_valid": value, "best_step": event.step}
        if better or self.summary["best_step"] is None:
            self._keep(event)
        if self.goal.reached(value) and self.summary["steps_to_target"] is None:
            self.summary |= {"steps_to_target": event.step, "seconds_to_target": self.clock.seconds}
            self.summary["gradient_evaluations_to_target"] = event.evaluations

    def _keep(self, event: Validated) -> None:
        """Copy the weights, and store their validation metrics, with a reason for each undefined one."""
        self.best_weights = self.copy_weights()
        self.summary["valid"] = finite(event.metrics)
        self.summary["undefined"] = {f"valid/{name}": reason for name, reason in event.undefined.items()}

    def _stops_early(self) -> bool:
        """Return True, and set the reason, if a condition other than the budget ends the run. Collective."""
        if self.rules:  # the processes of a run must agree, also on measured values whose last bits differ
            self.reason = broadcast(next(filter(None, (rule.reason() for rule in self.rules.values())), ""))
        return bool(self.reason)

    def ended(self, event: Ended) -> None:
        diverged = self.summary["diverged_step"]
        count = event.step if diverged is None else diverged
        self.summary |= {"steps": count, "examples": self.plan.examples(count)}
        self.summary |= {"epochs": count / self.plan.steps_per_epoch, "train_seconds": self.clock.seconds}
        if self.tokens and self.clock.seconds:
            self.summary["tokens_per_second"] = self.tokens * self.summary["examples"] / self.clock.seconds
        self.summary.setdefault("gradient_evaluations", event.evaluations)  # already set if the run diverged
        self.summary |= {"monitor": self.goal.metric, "mode": self.goal.mode}
        self._explain_best()

    def _explain_best(self) -> None:
        """Add the reason if there is no best value, or none that a record can store; remove `undefined` if it is empty."""
        undefined: dict[str, str] = self.summary.pop("undefined", {})
        reason = undefined.get(f"valid/{self.goal.metric}")
        if reason is not None and self.summary["best_step"] is None:
            tested = "" if self.status is Status.DIVERGED else "; the weights after the last step were tested"
            undefined["best_valid"] = f"{self.goal.metric} was undefined at every validation: {reason}{tested}"
        elif reason is not None:  # the best value is infinite
            self.summary["best_valid"], undefined["best_valid"] = None, reason
        self.summary |= {"undefined": undefined} if undefined else {}

    def add(self, results: Mapping[str, Any]) -> None:
        """Merge results computed after training into the summary; the reasons in `undefined` are merged by name."""
        undefined = {**self.summary.get("undefined", {}), **results.get("undefined", {})}
        self.summary |= {**results, "undefined": undefined}
        if not undefined:
            del self.summary["undefined"]

    def state_dict(self) -> dict[str, Any]:
        """Return the state without the best weights."""
        ended = {"status": str(self.status), "reason": self.reason}
        rules = {name: rule.state_dict() for name, rule in self.rules.items()}
        return {"summary": self.summary, "bound": self.bound, "rules": rules, **ended}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.summary, self.bound = state_dict["summary"], state_dict["bound"]
        for name, state in state_dict["rules"].items():
            self.rules[name].load_state_dict(state)
        self.status, self.reason = Status(state_dict["status"]), state_dict["reason"]
