"""The diagonal preconditioners of optimizers, and the curvature above which each diverges.

Most optimizers update the weights by -lr D m, where m is the gradient or a moving sum of gradients, and D a diagonal matrix.
Functions of D take the state of a parameter, in which v is the second moment after the step, and its group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descentlab.optim.composite import parts_of
from descentlab.optim.programs.update_rules import update_rule

Values = Mapping[str, Any]  # of a state or of a group
PACKAGE = "descentlab.rules."


def preconditioner(optimizer: Optimizer, parameters: Mapping[str, Tensor], lr: float) -> dict[str, Tensor] | None:
    """Return the diagonal D of the last update by parameter name; None if it is the identity or not defined.

    Args:
        optimizer: after the step.
        parameters: those of the model by name.
        lr: the learning rate by which the update divides D; a group with half this rate has half of its D.
    """
    names = {parameter: name for name, parameter in parameters.items()}
    found: dict[str, Tensor] = {}
    is_identity = True
    for part in parts_of(optimizer):
        for group in part.param_groups:
            rule = rule_name(part, group)
            if rule not in DIAGONALS and rule not in PLAIN:
                return None
            ratio = float(group["lr"]) / lr if lr else 1.0
            is_identity &= rule in PLAIN and ratio == 1.0
            for parameter in group["params"]:
                found[names[parameter]] = ratio * _diagonal(rule, part.state.get(parameter), group, parameter)
    return None if is_identity else found


def _diagonal(rule: str, state: Values | None, group: Values, parameter: Tensor) -> Tensor:
    if rule in PLAIN:
        return torch.ones_like(parameter)
    if not state:  # no gradient has reached the parameter
        return torch.zeros_like(parameter)
    return DIAGONALS[rule](state, group).view_as(parameter)


def stability_limit(optimizer: Optimizer) -> float | None:
    """Return the value of lr times the largest eigenvalue of D H above which the optimizer diverges on a quadratic.

    H is the Hessian; D and the hyperparameters are taken as constant. None: not known, or not the same for all parameters.
    """
    limits = {
        LIMITS[rule](group) if (rule := rule_name(part, group)) in LIMITS else None
        for part in parts_of(optimizer)
        for group in part.param_groups
    }
    return limits.pop() if len(limits) == 1 else None


def rule_name(optimizer: Optimizer, group: Values) -> str:
    """Return the name of the module in descentlab.rules with the update rule of `group`; "" if there is none."""
    rule = update_rule(optimizer, group)
    module = "" if rule is None else rule.update.__module__
    return module.removeprefix(PACKAGE) if module.startswith(PACKAGE) else ""


def _adam(state: Values, group: Values) -> Tensor:
    """1 / ((1 - b1^t) (sqrt(v / (1 - b2^t)) + eps)) (Cohen et al., arXiv:2207.14484)."""
    second = state.get("max_exp_avg_sq", state["exp_avg_sq"])
    first_correction, correction = _corrections(state, group)
    return 1 / (first_correction * ((second / correction).sqrt() + group["eps"]))


def _adamax(state: Values, group: Values) -> Tensor:
    """1 / ((1 - b1^t) u)."""
    return 1 / (_corrections(state, group)[0] * state["exp_inf"])


def _nadam(state: Values, group: Values) -> Tensor:
    """1 / (sqrt(v / (1 - b2^t)) + eps)."""
    return 1 / ((state["exp_avg_sq"] / _corrections(state, group)[1]).sqrt() + group["eps"])


def _radam(state: Values, group: Values) -> Tensor:
    """r / ((1 - b1^t) (sqrt(v) + eps) / sqrt(1 - b2^t)) where rho > 5, else 1 / (1 - b1^t); see rules/radam.py."""
    first_correction, correction = _corrections(state, group)
    longest = 2 / (1 - float(group["betas"][1])) - 1
    length = longest - 2 * int(state["step"]) * (1 - correction) / correction
    if length <= 5:
        return torch.ones_like(state["exp_avg_sq"]) / first_correction
    rectification = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return (rectification * correction) ** 0.5 / (first_correction * (state["exp_avg_sq"].sqrt() + group["eps"]))


def _rmsprop(state: Values, group: Values) -> Tensor:
    """1 / (sqrt(v) + eps), where v is the variance if the rule is centred."""
    second = state["square_avg"]
    if group["centered"]:
        second = (second - state["grad_avg"].square()).clamp(min=0)
    return 1 / (second.sqrt() + group["eps"])


def _adagrad(state: Values, group: Values) -> Tensor:
    """1 / ((1 + (t - 1) lr_decay) (sqrt(s) + eps))."""
    return 1 / ((1 + (int(state["step"]) - 1) * group["lr_decay"]) * (state["sum"].sqrt() + group["eps"]))


def _corrections(state: Values, group: Values) -> tuple[float, float]:
    """Return 1 - b1^t and 1 - b2^t; 1 for a moment whose bias the rule does not correct."""
    step, corrected = int(state["step"]), group.get("bias_correction", True)
    first, second = (1 - float(beta) ** step for beta in group["betas"])
    return first if corrected in (True, "first") else 1.0, second if corrected in (True, "second") else 1.0


PLAIN = ("gradient_descent", "momentum", "nesterov")  # rules whose D is the identity
DIAGONALS: Mapping[str, Callable[[Values, Values], Tensor]] = {
    "adam": _adam,
    "adamw": _adam,
    "amsgrad": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "radam": _radam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}


def _of_gradient(_group: Values) -> float:
    return 2.0


def _of_average(group: Values) -> float:
    """(2 + 2 b1) / (1 - b1), 38 for b1 = 0.9 (Cohen et al., arXiv:2207.14484)."""
    beta = float(group["betas"][0])
    return (2 + 2 * beta) / (1 - beta)


def _of_momentum(group: Values) -> float:
    """2 + 2 b (Cohen et al., arXiv:2103.00065), divided by 1 - dampening."""
    share = 1 - float(group.get("dampening", 0.0))
    return (2 + 2 * float(group["momentum"])) / share if share else math.inf


def _of_nesterov(group: Values) -> float:
    """(2 + 2 b) / (1 + 2 b) (Cohen et al., arXiv:2103.00065)."""
    beta = float(group["momentum"])
    return (2 + 2 * beta) / (1 + 2 * beta)


LIMITS: Mapping[str, Callable[[Values], float]] = {
    "gradient_descent": _of_gradient,
    "momentum": _of_momentum,
    "nesterov": _of_nesterov,
    "rmsprop": _of_momentum,
    "adagrad": _of_gradient,
    **dict.fromkeys(("adam", "adamw", "amsgrad", "adamax", "radam"), _of_average),
}
