"""Parameter groups: an ordered list of entries, of which the first that matches a parameter decides its group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from descentlab.errors import UsageError

MAIN, AUXILIARY = "optimizer", "auxiliary"


@dataclass(frozen=True, kw_only=True)
class GroupEntry:
    """One entry of the config's `groups`.

    Args:
        match: a regular expression, searched for in a parameter's name (blocks.0.layers.0.weight).
        dims: the numbers of dimensions that match; None: any.
        to: optimizer or auxiliary, the one that trains the parameter.
        lr: multiplies that optimizer's learning rate; >= 0.
        set: hyperparameters that override that optimizer's own.
    """

    match: str = ""
    dims: Sequence[int] | None = None
    to: str = MAIN
    lr: float = 1.0
    set: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, name: str, parameter: nn.Parameter) -> bool:
        """Return True if this entry applies to a parameter, provided that no earlier one does."""
        return re.search(self.match, name) is not None and (self.dims is None or parameter.dim() in self.dims)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters by name that one optimizer trains with the same hyperparameters; the fields are those of GroupEntry."""

    to: str
    lr: float = 1.0
    set: Mapping[str, Any] = field(default_factory=dict)
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)


def assign(model: nn.Module, entries: Sequence[GroupEntry], decay_to: str = "all", lr_decay: float = 1.0) -> list[Group]:
    """Return the groups of the model's trainable parameters, in order; by default, one group of all.

    The learning rate of a parameter is also multiplied by the factor that its layer declares: see `declared_factor`.

    Args:
        model: the module itself, not wrapped by a strategy, so that parameters have their original names.
        entries: the config's `groups`; if empty, the optimizer trains all parameters.
        decay_to: "matrices": weights with fewer than two dimensions (biases, norms) get weight_decay=0.
        lr_decay: the ratio of the learning rate of a layer to that of the layer after it; 1: the same for all.

    Raises:
        UsageError: if no entry matches some parameter, or an entry that would change something matches none.
    """
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    layers = list(dict.fromkeys(_layer(name) for name in parameters))
    groups: dict[Any, Group] = {}
    unused = {index: entry.match for index, entry in enumerate(entries) if entry.match and (entry.lr != 1.0 or entry.set)}
    for name, parameter in parameters.items():
        index, entry = _first(entries, name, parameter)
        unused.pop(index, None)
        lr = entry.lr * declared_factor(model, name) * lr_decay ** (len(layers) - 1 - layers.index(_layer(name)))
        exempt = decay_to == "matrices" and parameter.dim() < 2
        key = (index, lr, exempt)
        if key not in groups:
            groups[key] = Group(to=entry.to, lr=lr, set={**entry.set, **({"weight_decay": 0.0} if exempt else {})})
        groups[key].parameters[name] = parameter
    for match in unused.values():
        some = ", ".join(list(parameters)[:8])
        raise UsageError(f"groups: no parameter is left for match={match}; there are {some}{', ...' * (len(parameters) > 8)}")
    return list(groups.values())


def _first(entries: Sequence[GroupEntry], name: str, parameter: nn.Parameter) -> tuple[int, GroupEntry]:
    """Return the first entry that matches a parameter, and its index."""
    for index, entry in enumerate(entries or [GroupEntry()]):
        if entry.matches(name, parameter):
            return index, entry
    raise UsageError(f"groups: no entry takes {name} ({parameter.dim()} dimensions); end with one that takes the rest")


def declared_factor(model: nn.Module, name: str) -> float:
    """Return the factor of a parameter's learning rate in its layer's `lr_factors`, a dict by name (weight); 1 by default."""
    layer, _, own = name.rpartition(".")
    return getattr(model.get_submodule(layer), "lr_factors", {}).get(own, 1.0)


def _layer(name: str) -> str:
    """Return the name of the module of a parameter: blocks.0.layers.0 for blocks.0.layers.0.weight."""
    return name.rpartition(".")[0]
