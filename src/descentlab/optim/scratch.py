"""torch.optim.Optimizer classes of the update rules in descentlab.rules."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from descentlab.rules import (
    adadelta,
    adafactor,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    gradient_descent,
    lion,
    momentum,
    muon,
    nadam,
    nesterov,
    radam,
    rmsprop,
    schedule_free_adamw,
    schedule_free_sgd,
    signsgd,
)
from descentlab.rules.rule import Rule


class RuleOptimizer(Optimizer):
    """Optimizer that applies an update rule to each parameter with a gradient; a scalar is treated as a vector of one element.

    Raises:
        TypeError: if the rule does not accept a hyperparameter.
        ValueError: if it does not accept a parameter.
    """

    rule: ClassVar[Rule]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, params: ParamsT, **hyper: Any) -> None:
        bound = self.__signature__.bind(params, **hyper)
        bound.apply_defaults()
        super().__init__(params, {name: value for name, value in bound.arguments.items() if name != "params"})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        group.update({name: _plain(value) for name, value in self._hyper(group).items()})
        for param in group["params"]:
            meta = torch.empty_like(param, device="meta")
            self.rule.init(torch.atleast_1d(meta))  # raises ValueError if the rule does not accept the parameter

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            hyper = self._hyper(group)
            for param in group["params"]:
                if param.grad is not None:
                    self._update(param, param.grad, hyper)
        return loss

    def _update(self, param: Tensor, grad: Tensor, hyper: dict[str, Any]) -> None:
        weights = torch.atleast_1d(param)
        state = self.state[param] or self.rule.init(weights)
        increment, self.state[param] = self.rule.update(torch.atleast_1d(grad), state, weights, **hyper)
        param.add_(increment.view_as(param))

    def _hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {name: group[name] for name in self.__signature__.parameters if name != "params"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state as torch does, except that scalars keep their dtype, which torch would cast to the parameter's."""
        super().load_state_dict(state_dict)
        saved = [index for group in state_dict["param_groups"] for index in group["params"]]
        params = [param for group in self.param_groups for param in group["params"]]
        for index, param in zip(saved, params, strict=True):
            if values := state_dict["state"].get(index):
                self.state[param] |= {name: value.to(param.device) for name, value in values.items() if value.ndim == 0}


class EvaluatingOptimizer(RuleOptimizer):
    """Optimizer of a rule whose evaluation weights differ from its training weights. It starts in train mode."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group({"train_mode": True, **param_group})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not all(group["train_mode"] for group in self.param_groups):
            raise RuntimeError("the parameters hold the evaluation weights: call train() before step()")
        return super().step(closure)

    @torch.no_grad()
    def eval(self) -> None:
        """Put the evaluation weights into the parameters, and store the training weights in the state."""
        for group in self.param_groups:
            for param in group["params"] if group["train_mode"] else ():
                if state := self.state.get(param):
                    state["aside"] = param.detach().clone()
                    weights = self.rule.evaluate(state, torch.atleast_1d(param), **self._hyper(group))  # pyright: ignore[reportOptionalCall]
                    param.copy_(weights.view_as(param))
            group["train_mode"] = False

    @torch.no_grad()
    def train(self) -> None:
        """Put the training weights back into the parameters, bit for bit."""
        for group in self.param_groups:
            for param in group["params"] if not group["train_mode"] else ():
                if state := self.state.get(param):
                    param.copy_(state.pop("aside"))
            group["train_mode"] = True


def optimizer_of(name: str, rule: Rule | ModuleType) -> type[RuleOptimizer]:
    """Return the Optimizer class of an update rule; for your own functions, `Mine = optimizer_of("Mine", Rule(init, update))`.

    Its arguments are the parameters and the keyword-only arguments of `update`, as its signature shows.

    Args:
        name: name of the class. It must be the name of the variable that it is assigned to, so that it can be pickled.
        rule: a Rule, or a module with the functions `init`, `update` and perhaps `evaluate`.
    """
    keywords = [each for each in inspect.signature(rule.update).parameters.values() if each.kind is each.KEYWORD_ONLY]
    params = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    evaluate = getattr(rule, "evaluate", None)
    base: type[RuleOptimizer] = RuleOptimizer if evaluate is None else EvaluatingOptimizer
    body = {
        "__doc__": rule.update.__doc__,
        "__module__": sys._getframe(1).f_globals["__name__"],  # pickle looks the class up in this module
        "__signature__": inspect.Signature([params, *keywords]),
        "rule": Rule(rule.init, rule.update, evaluate),
    }
    return cast(type[RuleOptimizer], type(name, (base,), body))


def _plain(value: Any) -> Any:
    """Return `value`, or a tuple for a list of a config, so that a checkpoint holds no object of the config's classes."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


GradientDescent = optimizer_of("GradientDescent", gradient_descent)
Momentum = optimizer_of("Momentum", momentum)
Nesterov = optimizer_of("Nesterov", nesterov)
AdaGrad = optimizer_of("AdaGrad", adagrad)
RMSProp = optimizer_of("RMSProp", rmsprop)
AdaDelta = optimizer_of("AdaDelta", adadelta)
Adam = optimizer_of("Adam", adam)
AMSGrad = optimizer_of("AMSGrad", amsgrad)
AdamW = optimizer_of("AdamW", adamw)
Adamax = optimizer_of("Adamax", adamax)
NAdam = optimizer_of("NAdam", nadam)
RAdam = optimizer_of("RAdam", radam)
Lion = optimizer_of("Lion", lion)
SignSGD = optimizer_of("SignSGD", signsgd)
Adafactor = optimizer_of("Adafactor", adafactor)
Muon = optimizer_of("Muon", muon)
ScheduleFreeSGD = optimizer_of("ScheduleFreeSGD", schedule_free_sgd)
ScheduleFreeAdamW = optimizer_of("ScheduleFreeAdamW", schedule_free_adamw)
