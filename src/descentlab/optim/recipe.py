"""The settings of a run's weight update: optimizer, groups, schedules, clipping, noise, decay, projection, averaging."""

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
from descentlab.optim.constraints import OrthogonalGradient, Projection
from descentlab.optim.gradients import Clip, Decay, GradientNoise
from descentlab.optim.groups import AUXILIARY, MAIN, Group, GroupEntry, assign, declared_factor
from descentlab.optim.kernels import fill_momentum, fused_setting
from descentlab.optim.schedules import Constant, Schedule

OptimizerFactory = Callable[..., Optimizer]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The nodes of a config that specify how weights are updated; conf/train.yaml explains each.

    Args:
        optimizer, auxiliary: (parameters, **settings) -> optimizer, partials that hold the hyperparameters; `auxiliary` trains
            the parameters that `groups` assigns to it.
        needs: the inputs that the optimizer requires besides gradients.
        lr_decay: the ratio of the learning rate of a layer to that of the layer after it.
        schedule, momentum_schedule, decay_schedule: for the learning rate, the momentum (or first beta), and the weight
            decay; None: constant.
        seed: seed of the random numbers that the optimizer draws, and of the noise.
        loss_is_scaled: True if half precision multiplies the gradients by a factor.
    """

    optimizer: OptimizerFactory
    auxiliary: OptimizerFactory | None = None
    needs: Requirements = field(default_factory=Requirements)
    groups: Sequence[GroupEntry] = ()
    lr_decay: float = 1.0
    schedule: Schedule = field(default_factory=Constant)
    momentum_schedule: Schedule | None = None
    decay_schedule: Schedule | None = None
    orthogonal_gradient: OrthogonalGradient = field(default_factory=OrthogonalGradient)
    clip: Clip = field(default_factory=Clip)
    noise: GradientNoise = field(default_factory=GradientNoise)
    decay: Decay = field(default_factory=Decay)
    project: Projection = field(default_factory=Projection)
    average: Average = field(default_factory=Average)
    seed: int = 0
    loss_is_scaled: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], build: Callable[[Any], Any]) -> Self:
        """Return the recipe of a resolved config; `build` instantiates a node by its _target_."""
        names = ("optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule")
        parts = {name: build(config[name]) for name in names if config[name] is not None}
        return cls(
            **parts,
            needs=Requirements.of(getattr(parts["optimizer"], "func", None), config["needs"]),
            groups=[GroupEntry(**entry) for entry in config["groups"]],
            lr_decay=config["lr_decay"],
            orthogonal_gradient=OrthogonalGradient(config.get("orthogonal_gradient")),
            clip=Clip(**config["clip"]),
            noise=GradientNoise(**config.get("noise") or {}),
            decay=Decay(**config["decay"]),
            project=Projection(config.get("project")),
            average=Average(**config["average"]),
            seed=config["seed"],
            loss_is_scaled=config["trainer"]["precision"] == "16-mixed",
        )

    def make(self, model: nn.Module, total: int | None = None) -> Optimizer:
        """Return an optimizer of the model's parameters for a run of `total` steps (None: unknown).

        Raises:
            UsageError: if a parameter is in no group, an optimizer has no parameter, or a group sets a hyperparameter that its
                optimizer does not accept.
        """
        extra = {self.needs.total_steps: total} if self.needs.total_steps else {}
        if self.needs.model:
            if any(declared_factor(model, name) != 1.0 for name, _ in model.named_parameters()):
                raise UsageError(
                    "model.parametrization: this optimizer takes the whole model, without learning rates of layers"
                )
            return self.optimizer(model, **extra)
        groups = assign(model, self.groups, self.decay.to, self.lr_decay)
        mine = [group for group in groups if group.to == MAIN]
        rest = [group for group in groups if group.to == AUXILIARY]
        if not mine:
            raise UsageError("groups: the optimizer trains no parameter of this model; choose another optimizer or model")
        main = self._build_with_kernels(model, self.optimizer, mine, extra, self.needs.in_groups)
        if not rest:
            return main
        if self.auxiliary is None:
            raise UsageError("groups: some parameters are assigned to the auxiliary optimizer, which is not set; set auxiliary")
        return Composite([main, self._build_with_kernels(model, self.auxiliary, rest, {})])

    def _build_with_kernels(
        self,
        model: nn.Module,
        factory: OptimizerFactory,
        groups: Sequence[Group],
        extra: Mapping[str, Any],
        more: Sequence[str] = (),
    ) -> Optimizer:
        """Return an optimizer of `groups`, with the kernels that `fused: auto` selects."""
        settings: Mapping[str, Any] = getattr(factory, "keywords", {})
        if settings.get("fused") != "auto":
            return _build(factory, groups, extra, more)
        parameters = [parameter for group in groups for parameter in group.parameters.values()]
        fused = fused_setting(model, parameters, settings, self.loss_is_scaled)
        optimizer = _build(factory, groups, {**extra, "fused": fused}, more)
        fill_momentum(optimizer)
        return optimizer


def _build(factory: OptimizerFactory, groups: Sequence[Group], extra: Mapping[str, Any], more: Sequence[str] = ()) -> Optimizer:
    """Return an optimizer of `groups`. A group may override the optimizer's hyperparameters, and the keys in `more`."""
    settings: Mapping[str, Any] = getattr(factory, "keywords", {})
    decays = "weight_decay" in {*settings, *inspect.signature(factory).parameters}
    described: list[dict[str, Any]] = []
    for group in groups:
        own = {key: value for key, value in group.set.items() if decays or (key, value) != ("weight_decay", 0.0)}
        if group.lr != 1.0:
            lr = own.get("lr", settings.get("lr"))
            if lr is None:
                raise UsageError("groups, lr_decay: this optimizer has no learning rate to scale")
            own["lr"] = lr * group.lr
        described.append({"params": list(group.parameters.values()), **own})
    overridden = {key for each in described for key in each} - {"params"}
    plain = [parameter for each in described for parameter in each["params"]]
    try:
        optimizer = factory(described if overridden else plain, **extra)
    except ValueError as error:
        raise UsageError(f"optimizer, groups: {error}") from error
    if unknown := overridden - {*optimizer.defaults, *more}:
        takes = ", ".join(key for key in settings if key in optimizer.defaults)
        raise UsageError(f"groups: {', '.join(sorted(unknown))} cannot differ between groups of this optimizer; it has {takes}")
    return optimizer
