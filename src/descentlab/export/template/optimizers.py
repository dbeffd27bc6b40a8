"""Optimizers of an exported script: update rules as torch optimizers, and parameter groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descentlab.optim.groups import Group
from descentlab.rules.rule import State


class RuleOptimizer(Optimizer):
    """Optimizer that applies an update rule to each parameter.

    Args:
        params: parameters or groups of them.
        init: parameter -> state.
        update: (gradient, state, parameter, **hyper) -> (increment, state).
        hyper: hyperparameters of `update`.
    """

    def __init__(self, params: Any, init: Callable[..., State], update: Callable[..., Any], **hyper: Any) -> None:
        super().__init__(params, hyper)
        self.init, self.update = init, update

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            hyper = {name: group[name] for name in self.defaults}
            for param in group["params"]:
                if param.grad is None:
                    continue
                weights = torch.atleast_1d(param)
                state = self.state[param] or self.init(weights)
                increment, self.state[param] = self.update(torch.atleast_1d(param.grad), state, weights, **hyper)
                param.add_(increment.view_as(param))


class EvaluatingOptimizer(RuleOptimizer):
    """Optimizer of a rule whose evaluation weights, `evaluation(state, parameter, **hyper)`, differ from those it trains."""

    def __init__(self, params: Any, evaluation: Callable[..., Tensor], **rule: Any) -> None:
        super().__init__(params, **rule)
        self.evaluation = evaluation

    @torch.no_grad()
    def eval(self) -> None:
        """Replace the weights by the evaluation weights; before the first step, they are the same."""
        for group in self.param_groups:
            hyper = {name: group[name] for name in self.defaults}
            for param in group["params"]:
                if state := self.state.get(param):
                    param.copy_(self.evaluation(state, torch.atleast_1d(param), **hyper).view_as(param))


def described(groups: Iterable[Group], to: str, lr: float | None) -> list[dict[str, Any]]:
    """Return the parameter groups of the optimizer named `to`, whose learning rate is `lr`, as torch takes them."""
    return [
        {
            "params": list(group.parameters.values()),
            **group.set,
            **({"lr": float(group.set.get("lr", lr)) * group.lr} if group.lr != 1 else {}),
        }
        for group in groups
        if group.to == to
    ]
