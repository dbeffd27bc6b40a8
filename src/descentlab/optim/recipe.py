"""How a model is trained, all but the loop: optimizer, groups, schedules, clipping, decay, averaging."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from torch import nn
from torch.optim import Optimizer

from descentlab.config.requirements import Requirements
from descentlab.errors import UsageError
from descentlab.optim.average import Average
from descentlab.optim.composite import Composite
from descentlab.optim.gradients import Clip, Decay
from descentlab.optim.groups import AUXILIARY, MAIN, Group, Rule, assign
from descentlab.optim.schedules import Constant, Schedule

Make = Callable[..., Optimizer]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The nodes of a config that say how weights are updated; the file conf/train.yaml explains each.

    Args:
        optimizer, auxiliary: (parameters, **settings) -> optimizer, partials that hold the hyperparameters.
        schedule: of the learning rate; `momentum_schedule`, `decay_schedule`: of the optimizer's momentum (or first beta) and
            weight decay.
        seed: of the random numbers that an optimizer draws.
    """

    optimizer: Make
    auxiliary: Make | None = None
    needs: Requirements = field(default_factory=Requirements)
    groups: Sequence[Rule] = ()
    lr_decay: float = 1.0
    schedule: Schedule = field(default_factory=Constant)
    momentum_schedule: Schedule | None = None
    decay_schedule: Schedule | None = None
    clip: Clip = field(default_factory=Clip)
    decay: Decay = field(default_factory=Decay)
    average: Average = field(default_factory=Average)
    seed: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Any], build: Callable[[Any], Any]) -> Self:
        """The recipe of a resolved config; `build` makes what a node describes by its _target_."""
        names = ("optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule")
        parts = {name: build(config[name]) for name in names if config[name] is not None}
        return cls(
            **parts,
            needs=Requirements.of(getattr(parts["optimizer"], "func", None), config["needs"]),
            groups=[Rule(**rule) for rule in config["groups"]],
            lr_decay=config["lr_decay"],
            clip=Clip(**config["clip"]),
            decay=Decay(**config["decay"]),
            average=Average(**config["average"]),
            seed=config["seed"],
        )

    def make(self, model: nn.Module, total: int | None = None) -> Optimizer:
        """The optimizer of the model's parameters in a run of `total` steps.

        Raises:
            UsageError: a parameter is left over, an optimizer has none, or a group sets what its optimizer does not take.
        """
        extra = {self.needs.total_steps: total} if self.needs.total_steps else {}
        if self.needs.model:
            return self.optimizer(model, **extra)
        groups = assign(model, self.groups, self.decay.to, self.lr_decay)
        mine = [group for group in groups if group.to == MAIN]
        rest = [group for group in groups if group.to == AUXILIARY]
        if not mine:
            raise UsageError("groups: the optimizer trains no parameter of this model; choose another optimizer or model")
        main = _made(self.optimizer, mine, extra, self.needs.in_groups)
        if not rest:
            return main
        if self.auxiliary is None:
            raise UsageError("groups: some parameters go to the auxiliary optimizer, and there is none; set auxiliary")
        return Composite([main, _made(self.auxiliary, rest, {})])


def _made(make: Make, groups: Sequence[Group], extra: Mapping[str, Any], more: Sequence[str] = ()) -> Optimizer:
    """An optimizer of `groups`, which may set what differs between its own groups, or is in `more`."""
    settings: Mapping[str, Any] = getattr(make, "keywords", {})
    decays = "weight_decay" in {*settings, *inspect.signature(make).parameters}
    described: list[dict[str, Any]] = []
    for group in groups:
        own = {key: value for key, value in group.set.items() if decays or (key, value) != ("weight_decay", 0.0)}
        if group.lr != 1.0:
            lr = own.get("lr", settings.get("lr"))
            if lr is None:
                raise UsageError("groups, lr_decay: this optimizer has no learning rate to scale")
            own["lr"] = lr * group.lr
        described.append({"params": list(group.parameters.values()), **own})
    set_apart = {key for each in described for key in each} - {"params"}
    plain = [parameter for each in described for parameter in each["params"]]
    try:
        made = make(described if set_apart else plain, **extra)
    except ValueError as error:
        raise UsageError(f"optimizer, groups: {error}") from error
    if unknown := set_apart - {*made.defaults, *more}:
        takes = ", ".join(key for key in settings if key in made.defaults)
        raise UsageError(f"groups: {', '.join(sorted(unknown))} cannot differ between groups of this optimizer; it has {takes}")
    return made
