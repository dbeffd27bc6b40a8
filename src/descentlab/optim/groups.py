"""Which optimizer trains which parameters, with which settings: ordered rules, the first that matches takes a parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from descentlab.errors import UsageError

MAIN, AUXILIARY = "optimizer", "auxiliary"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of the config's `groups`.

    Args:
        match: a regular expression, searched in a parameter's name (blocks.0.layers.0.weight).
        dims: the numbers of dimensions that it takes; None: any.
        to: optimizer or auxiliary.
        lr: times that optimizer's learning rate.
        set: hyperparameters that differ from that optimizer's own.
    """

    match: str = ""
    dims: Sequence[int] | None = None
    to: str = MAIN
    lr: float = 1.0
    set: Mapping[str, Any] = field(default_factory=dict)

    def takes(self, name: str, parameter: nn.Parameter) -> bool:
        return re.search(self.match, name) is not None and (self.dims is None or parameter.dim() in self.dims)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters by name that one optimizer trains in one way."""

    to: str
    lr: float = 1.0
    set: Mapping[str, Any] = field(default_factory=dict)
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)


def assign(model: nn.Module, rules: Sequence[Rule], decay_to: str = "all", lr_decay: float = 1.0) -> list[Group]:
    """The groups of the model's trainable parameters, in order; without rules and switches, one of all.

    Args:
        model: not yet wrapped.
        rules: none: all parameters go to the optimizer.
        decay_to: "matrices": weights with fewer than two dimensions (biases, norms) get weight_decay=0.
        lr_decay: the learning rate of a layer is so many times that of the layer after it.

    Raises:
        UsageError: no rule takes some parameter, or a rule that would change something takes none.
    """
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    layers = list(dict.fromkeys(_layer(name) for name in parameters))
    groups: dict[Any, Group] = {}
    idle = {place: rule.match for place, rule in enumerate(rules) if rule.match and (rule.lr != 1.0 or rule.set)}
    for name, parameter in parameters.items():
        place, rule = _first(rules, name, parameter)
        idle.pop(place, None)
        lr = rule.lr * lr_decay ** (len(layers) - 1 - layers.index(_layer(name)))
        exempt = decay_to == "matrices" and parameter.dim() < 2
        key = (place, lr, exempt)
        if key not in groups:
            groups[key] = Group(to=rule.to, lr=lr, set={**rule.set, **({"weight_decay": 0.0} if exempt else {})})
        groups[key].parameters[name] = parameter
    for match in idle.values():
        some = ", ".join(list(parameters)[:8])
        raise UsageError(f"groups: no parameter is left for match={match}; there are {some}{', ...' * (len(parameters) > 8)}")
    return list(groups.values())


def _first(rules: Sequence[Rule], name: str, parameter: nn.Parameter) -> tuple[int, Rule]:
    for place, rule in enumerate(rules or [Rule()]):
        if rule.takes(name, parameter):
            return place, rule
    raise UsageError(f"groups: no entry takes {name} ({parameter.dim()} dimensions); end with one that takes the rest")


def _layer(name: str) -> str:
    """The module that a parameter belongs to: blocks.0.layers.0 of blocks.0.layers.0.weight."""
    return name.rpartition(".")[0]
