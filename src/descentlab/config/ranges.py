"""The ranges of the keys that every run has, and of an optimizer's keys; checked before anything starts.

The keys of a model, task, data set, schedule or baseline of descentlab have the ranges in their class's signature
(`config.signatures`). Optimizers come from several libraries without annotated ranges, so theirs are listed here by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.config.constraints import Choice, Constraint, Each, Either, Node, Number, Text
from descentlab.config.signatures import ranges
from descentlab.errors import format_value, nearest

POSITIVE = Number(0, open_low=True)
OPTIONAL_POSITIVE = Number(0, open_low=True, optional=True)
NON_NEGATIVE = Number(0)
FRACTION = Number(0, 1, open_high=True)
COUNT = Number(1, integer=True)
OPTIONAL_COUNT = Number(1, integer=True, optional=True)
FLAG = Choice((True, False))
LIBRARIES = ("descentlab.", "torch.optim.", "pytorch_optimizer.", "schedulefree.")  # their optimizers are subject to ALLOWED

ALLOWED: Mapping[str, Constraint] = {
    "seed": Number(0, 2**32 - 1, integer=True),
    "data_seed": Number(0, 2**32 - 1, integer=True),
    "branch.step": Number(0, integer=True, optional=True),
    "branch.data_seed": Number(0, 2**32 - 1, integer=True, optional=True),
    "start_from.run": Text(optional=True),
    "start_from.step": Number(0, integer=True, optional=True),
    "batch_size": Either(COUNT, Choice(("full",))),
    "microbatch": OPTIONAL_COUNT,
    "budget.epochs": OPTIONAL_POSITIVE,
    "budget.steps": OPTIONAL_COUNT,
    "budget.examples": OPTIONAL_COUNT,
    "budget.seconds": OPTIONAL_POSITIVE,
    "orthogonal_gradient": Choice((None, "weights", "random")),
    "clip.norm": OPTIONAL_POSITIVE,
    "clip.value": OPTIONAL_POSITIVE,
    "clip.adaptive": OPTIONAL_POSITIVE,
    "noise.std": OPTIONAL_POSITIVE,
    "noise.decay": NON_NEGATIVE,
    "decay.rate": Number(0, optional=True),
    "decay.kind": Choice(("coupled", "decoupled", "independent")),
    "decay.to": Choice(("all", "matrices")),
    "project": Either(Each(Number(), 2), Choice((None,))),
    "half_life.momentum": OPTIONAL_POSITIVE,
    "half_life.second_moment": OPTIONAL_POSITIVE,
    "half_life.average": OPTIONAL_POSITIVE,
    "lr_decay": Number(0, open_low=True),
    "average.kind": Choice(("none", "ema", "swa")),
    "average.decay": FRACTION,
    "average.start": NON_NEGATIVE,
    "engine": Choice(("lightning", "explicit")),
    "compile": Choice((False, True, "step", "auto")),
    "needs.closure": FLAG,
    "needs.two_passes": FLAG,
    "needs.graph": FLAG,
    "needs.random": FLAG,
    "needs.whole": FLAG,
    "needs.model": FLAG,
    "needs.constant_lr": FLAG,
    "needs.total_steps": Text(optional=True),
    "needs.in_groups": Each(Text()),
    "target": Number(optional=True),
    "validate_every": OPTIONAL_COUNT,
    "log_every": COUNT,
    "stop.divergence": Number(1, open_low=True, optional=True),
    "stop.patience": OPTIONAL_COUNT,
    "stop.min_delta": NON_NEGATIVE,
    "stop.at_target": FLAG,
    "stop.plateau": OPTIONAL_POSITIVE,
    "stop.window": COUNT,
    "stop.grad_norm": OPTIONAL_POSITIVE,
    "stop.gap": Number(1, open_low=True, optional=True),
    "diagnostics.budget": Number(0, 1, open_low=True),
    "diagnostics.every": OPTIONAL_COUNT,
    "deterministic": FLAG,
    "report.by": Text(optional=True),
    "report.reference": Text(optional=True),
    "report.margin": Number(0, optional=True),
    "records": Choice(("folders", "table")),
    "rerun": FLAG,
    "sweep": Text(optional=True),
    "output_dir": Text(),
    "data_dir": Text(),
    "logger.project": Text(optional=True, without="/\\#?%:", longest=128),
    "logger.entity": Text(optional=True, without="/\\#?%:"),
    "logger.live": FLAG,
    "on_error": Choice(("continue", "stop")),
    "retries": Number(0, integer=True),
    "retry_after": NON_NEGATIVE,
    "timeout": OPTIONAL_POSITIVE,
    "heartbeat": OPTIONAL_POSITIVE,
    "checkpoint.every": Number(0, optional=True),
    "checkpoint.keep": FLAG,
    "checkpoint.snapshots": OPTIONAL_COUNT,
    "workers": OPTIONAL_COUNT,
    "threads": COUNT,
    "jobs_per_gpu": COUNT,
    "optimizer.lr": NON_NEGATIVE,
    "optimizer.momentum": FRACTION,
    "optimizer.dampening": Number(0, 1),
    "optimizer.weight_decay": NON_NEGATIVE,
    "optimizer.nesterov": FLAG,
    "optimizer.betas": Each(FRACTION),
    "optimizer.lr_decay": NON_NEGATIVE,
    "optimizer.initial_accumulator_value": NON_NEGATIVE,
    "optimizer.amsgrad": FLAG,
    "optimizer.centered": FLAG,
    "optimizer.bias_correction": Choice((True, False, "first", "second")),
    "optimizer.second_moment_init": Choice(("zeros", "gradient")),
    "optimizer.fused": Choice(("auto", True, False, None)),
    "trainer.accelerator": Choice(("auto", "cpu", "gpu", "cuda", "mps", "tpu")),
    "trainer.devices": COUNT,
    "trainer.num_nodes": COUNT,
    "trainer.strategy": Choice(("auto", "ddp", "fsdp")),
    "trainer.precision": Choice(("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")),
}

# The settings of conf/hydra/launcher/.
LAUNCHER: Mapping[str, Constraint] = {
    "fuse": Choice(("auto", "always", "never")),
    "group_size": COUNT,
    "additional_parameters": Node(),
    "address": Text(optional=True),
    "memory_gb": OPTIONAL_POSITIVE,
    "timeout_min": POSITIVE,
    "signal_delay_s": NON_NEGATIVE,
    "max_requeues": Number(0, integer=True),
    "array_parallelism": COUNT,
    "gpus_per_node": Number(0, integer=True, optional=True),
    "mem_gb": OPTIONAL_POSITIVE,
    "partition": Text(optional=True),
    "account": Text(optional=True),
    "qos": Text(optional=True),
    "constraint": Text(optional=True),
    "setup": Each(Text()),
}


def out_of_range(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each value of a resolved config that is outside its range."""
    for key, allowed in {**ALLOWED, **dict(_of_classes("", config))}.items():
        found, value = look_up(config, key)
        if found and value not in allowed and _is_checked(config, key):
            close = nearest(str(value), getattr(allowed, "options", ()))
            quote = f"; quote it: '{key}=\"...\"'" if isinstance(allowed, Text) and isinstance(value, float) else ""
            yield f"{key}={format_value(value)} is not allowed: {key} is {allowed}{close}{quote}"


def look_up(config: Mapping[str, Any], dotted: str) -> tuple[bool, Any]:
    """Return True and the value of a dotted key, or False and None if `config` has no such key."""
    node: Any = config
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False, None
        node = node[part]
    return True, node


def constraint_of(config: Mapping[str, Any], key: str) -> Constraint | None:
    """Return the range of a dotted key of a resolved config; None if it has none, or belongs to a user's own class."""
    if not _is_checked(config, key):
        return None
    node, _, last = key.rpartition(".")
    owner = look_up(config, node)[1] if node else None
    of_class = ranges(str(owner.get("_target_", ""))) if isinstance(owner, Mapping) else {}
    return of_class.get(last) or ALLOWED.get(key)


def _of_classes(path: str, node: Mapping[str, Any]) -> Iterator[tuple[str, Constraint]]:
    """Yield the dotted key and the range of each key of a class of descentlab that a node names by `_target_`."""
    for key, allowed in ranges(str(node.get("_target_", ""))).items():
        yield f"{path}{key}", allowed
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _of_classes(f"{path}{key}.", value)


def _is_checked(config: Mapping[str, Any], key: str) -> bool:
    """Return False for a key of a user's own class, which checks its values itself."""
    node = config[key.partition(".")[0]]
    target = str(node.get("_target_", "")) if isinstance(node, Mapping) else ""
    return not target or target.startswith(LIBRARIES)
