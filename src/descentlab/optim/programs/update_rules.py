"""The pure update rule that computes the same update as an optimizer of torch, of another library, or of descentlab."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from descentlab.config import update_rules
from descentlab.optim.scratch import RuleOptimizer
from descentlab.rules.rule import Rule


def update_rule(optimizer: Optimizer, group: Mapping[str, Any]) -> Rule | None:
    """Return the rule of `optimizer` for the parameters of `group`; None if descentlab has no rule for it."""
    if isinstance(optimizer, RuleOptimizer):
        return optimizer.rule
    target = _public_name(type(optimizer))
    library = update_rules.LIBRARIES.get(target)
    if library is None:
        return None
    settings = {key: getattr(optimizer, key) for key in library.required if hasattr(optimizer, key)}  # maximize of Lion
    settings |= {key: _plain(group[key]) for key in (*library.defaults, *library.required) if key in group}
    found = update_rules.update_rule({"_target_": target, **settings})
    if isinstance(found, str):
        return None
    module = import_module(f"descentlab.rules.{found.name}")
    return Rule(module.init, module.update, getattr(module, "evaluate", None))


def _public_name(kind: type[Optimizer]) -> str:
    """Return the name under which a library exports a class: torch.optim.Adam for torch.optim.adam.Adam."""
    library = kind.__module__.partition(".")[0]
    return f"torch.optim.{kind.__qualname__}" if library == "torch" else f"{library}.{kind.__qualname__}"


def hyperparameters(rule: Rule, group: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the hyperparameters of `rule` in `group`: numbers, which may differ between runs and steps, and the others.

    A hyperparameter that the group does not have keeps the rule's default, and is in neither.

    Returns:
        The numbers by name; those of a tuple are named betas.0, betas.1. And the others by name, in which None takes the place
        of each number of a tuple.
    """
    numbers: dict[str, float] = {}
    others: dict[str, Any] = {}
    for name, parameter in inspect.signature(rule.update).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY or name not in group:
            continue
        value = _plain(group[name])
        if "Number" not in str(parameter.annotation) or value is None:
            others[name] = value
        elif isinstance(value, tuple):
            numbers |= {f"{name}.{place}": float(each) for place, each in enumerate(value) if each is not None}
            others[name] = (None,) * len(value)
        else:
            numbers[name] = float(value)
    return numbers, others


def with_numbers(others: Mapping[str, Any], numbers: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of a rule, given what `hyperparameters` returned, with tensors for the numbers."""
    found = dict(others)
    for column, value in numbers.items():
        name, _, place = column.partition(".")
        if place:
            found[name] = (*found[name][: int(place)], value, *found[name][int(place) + 1 :])
        else:
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.item()
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(map(_plain, value)) if is_list else value
