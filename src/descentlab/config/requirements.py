"""Requirements of an optimizer beyond the gradient of a batch, and their conflicts with the rest of a config."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """Requirements of an optimizer, declared under `needs` in its file, or inferred from the methods of its class.

    An optimizer with train() and eval() needs no entry: it is put into eval mode whenever its weights are evaluated.

    Args:
        closure: its step evaluates loss and gradient itself, at points that it chooses (LBFGS), or uses the loss (Polyak).
        two_passes: it moves the weights by a first gradient and needs the gradient there (SAM and variants).
        graph: it differentiates the gradient (AdaHessian, SophiaH).
        random: it draws random numbers, which must be the same in all processes and after a resume (PSGD).
        whole: it needs whole weights rather than FSDP's shards, for matrices or norms, or because its code fails on shards.
        model: its first argument is the model rather than its parameters (Adam-mini).
        constant_lr: it reads its learning rate only at the first step (Rprop).
        total_steps: the name of the argument that takes the run's number of steps (Ranger21).
        in_groups: settings that parameter groups accept but the constructor does not (GaLore).
    """

    closure: bool = False
    two_passes: bool = False
    graph: bool = False
    random: bool = False
    whole: bool = False
    model: bool = False
    constant_lr: bool = False
    total_steps: str | None = None
    in_groups: Sequence[str] = ()

    @classmethod
    def of(cls, optimizer: Any, declared: Mapping[str, Any]) -> Self:
        """Return the declared requirements of the class `optimizer`, with those that its methods show."""
        needs = cls(**declared)
        step = getattr(optimizer, "step", None)
        closure = inspect.signature(step).parameters.get("closure") if step else None
        must = closure is not None and closure.default is closure.empty
        passes = hasattr(optimizer, "first_step") and hasattr(optimizer, "second_step")
        return replace(needs, closure=needs.closure or must, two_passes=needs.two_passes or passes)

    def conflicts(self, config: Mapping[str, Any]) -> Iterator[str]:
        """Yield a message for each key of a resolved config that conflicts with these requirements."""
        name, trainer = config["optimizer"]["_target_"].rpartition(".")[2], config["trainer"]
        processes = trainer["devices"] * trainer["num_nodes"]
        if self.graph and processes > 1:
            yield f"{name} differentiates the gradient, which data-parallel processes cannot: use one device"
        if self.graph and (any(config["clip"].values()) or config["decay"]["kind"] == "coupled"):
            yield f"{name} differentiates the gradient, which clip and decay.kind=coupled would change: leave them out"
        if self.graph and config["compile"] is True:
            yield f"{name} differentiates the gradient, which compiled models cannot: leave compile out"
        if self.closure and any(config["clip"].values()):
            yield f"{name} uses losses and gradients together, and clip would change only the gradients: leave it out"
        if (self.closure or self.graph) and config["orthogonal_gradient"]:
            yield f"{name} needs the exact gradients of its losses, which orthogonal_gradient would change: leave it out"
        if (self.closure or self.graph) and config["noise"]["std"]:
            yield f"{name} needs the exact gradients of its losses, to which noise.std would add noise: leave it out"
        if (self.closure or self.two_passes or self.graph) and trainer["precision"] == "16-mixed":
            yield f"{name} evaluates several gradients per step, which 16-mixed cannot scale: use bf16-mixed"
        if self.whole and trainer["strategy"] == "fsdp":
            yield f"{name} needs whole weights, which fsdp shards: use trainer=ddp"
        if (self.closure or self.two_passes or self.graph) and config["auxiliary"] is not None:
            yield f"{name} needs more than a gradient, so it must have all parameters: leave auxiliary out"
        if self.model and (
            config["groups"] or config["auxiliary"] or config["decay"]["to"] != "all" or config["lr_decay"] != 1
        ):
            yield f"{name} makes its own parameter groups: leave groups, auxiliary, decay.to and lr_decay alone"
        if self.constant_lr and varies(config["schedule"]):
            yield f"{name} reads its learning rate once, at its first step: schedule=constant schedule.warmup=0"
        if self.total_steps and all(config["budget"][key] is None for key in ("epochs", "steps", "examples")):
            yield f"{name} needs the run's number of steps: set budget.steps or budget.epochs"


def varies(schedule: Mapping[str, Any]) -> bool:
    """Return True if the learning rate changes during a run with the config node `schedule`."""
    return not schedule["_target_"].endswith(".Constant") or bool(schedule.get("warmup"))
