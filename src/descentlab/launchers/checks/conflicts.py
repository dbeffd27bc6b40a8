"""Check that an optimizer accepts its values, and that the settings around its update have an effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from descentlab.errors import one_line
from descentlab.store.core import Core

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from descentlab.config.requirements import Requirements


def conflicts(config: Mapping[str, Any]) -> list[str]:
    """Return a message for each value that an optimizer of `config` refuses, and each setting incompatible with it."""
    from hydra.utils import get_object

    from descentlab.config.requirements import Requirements

    needs = Requirements.of(get_object(config["optimizer"]["_target_"]), config["needs"])
    optimizers, mistakes = [], list(needs.conflicts(config))
    for group in (group for group in ("optimizer", "auxiliary") if config[group] is not None):
        try:
            optimizers.append(_tried(group, config[group], needs))
        except Exception as error:  # user code
            mistakes.append(f"{group}: {config[group]['_target_'].rpartition('.')[2]}: {one_line(error)}")
    mistakes += _idle(config, optimizers) if optimizers else ()
    mistakes += _of_program(optimizers) if config["compile"] == "step" else ()
    mistakes += _of_baseline(config) if config["baseline"] else ()
    task, core = get_object(config["task"]["_target_"]), Core.of(config)
    if core.trainer.strategy == "fsdp" and not getattr(task, "one_pass", True):
        mistakes.append(f"{task.__name__} evaluates in several forward passes, which fsdp cannot gather: use trainer=ddp")
    if core.engine == "explicit" and not hasattr(get_object(config["optimizer"]["_target_"]), "rule"):
        target = config["optimizer"]["_target_"]
        mistakes.append(f"engine=explicit requires an update rule; {target} is not one. Use optimizer=scratch/NAME.")
    return mistakes


def _of_program(optimizers: Sequence[Optimizer]) -> Iterator[str]:
    from descentlab.optim.compiled_step import without_rule

    for name in without_rule(optimizers):
        yield f"compile=step needs an update rule, which {name} does not have: use compile=auto or compile=false"


def _of_baseline(config: Mapping[str, Any]) -> Iterator[str]:
    from hydra.utils import get_object

    baseline, task, data = (get_object(config[group]["_target_"]) for group in ("baseline", "task", "data"))
    if not issubclass(task, tuple(baseline.supported_tasks)):
        names = ", ".join(each.__name__ for each in baseline.supported_tasks)
        yield f"baseline: {baseline.__name__} is for {names}, not for {task.__name__}; leave it out"
    if not getattr(data, "in_memory", True):
        yield "baseline: it needs all training examples at once, and these data are streamed; leave it out"


def _tried(group: str, node: Mapping[str, Any], needs: Requirements) -> Optimizer:
    """Construct the optimizer of `node` for small weights; raises the error with which it refuses its hyperparameters."""
    import torch
    from hydra.utils import instantiate

    model = torch.nn.Linear(2, 2, bias=False)
    extra = {needs.total_steps: 10_000} if needs.total_steps and group == "optimizer" else {}
    return instantiate(node, _convert_="all")(model if needs.model and group == "optimizer" else model.parameters(), **extra)


def _idle(config: Mapping[str, Any], optimizers: Sequence[Optimizer]) -> Iterator[str]:
    """Yield a message for each setting around the update that has no effect on `optimizers`, or not the intended one."""
    from descentlab.config.requirements import varies
    from descentlab.optim.evaluation import has_modes

    name, groups = type(optimizers[0]).__name__, [group for each in optimizers for group in each.param_groups]
    schedule, decay, own = config["schedule"], config["decay"], has_modes(optimizers[0])
    if not any("lr" in group for group in groups):
        if varies(schedule):
            yield f"schedule: {name} has no learning rate to multiply: schedule=constant schedule.warmup=0"
        if decay["rate"] and decay["kind"] == "decoupled":
            yield f"decay.kind=decoupled is times the learning rate, and {name} has none: decay.kind=independent"
    if config["momentum_schedule"] and not any({"momentum", "betas"} & set(group) for group in groups):
        yield f"momentum_schedule: {name} has no momentum to multiply"
    if config["decay_schedule"] and decay["rate"] is None and not any("weight_decay" in group for group in groups):
        yield f"decay_schedule: {name} has no weight decay to multiply: set decay.rate"
    if own and (config["momentum_schedule"] or schedule.get("momenta")):
        yield f"{name} takes its average with one momentum throughout: no momentum_schedule, and schedule.momenta=null"
    if own and config["average"]["kind"] != "none":
        yield f"{name} evaluates its own average of the weights: leave average.kind=none"
    if own and config["project"]:
        yield f"project would clamp only a part of what {name} averages: leave it out"
    if own and decay["rate"] and decay["kind"] != "coupled":
        yield f"decay.rate would shrink only a part of what {name} averages: set optimizer.weight_decay, or decay.kind=coupled"
