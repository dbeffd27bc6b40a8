"""What a valid configuration is, and which run it identifies. Knows neither torch nor Lightning."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from descentlab.messages import nearest
from descentlab.records import NOT_IDENTITY


@dataclass(frozen=True)
class Number:
    """The numbers from `low` to `high`; `open_low` and `open_high` leave the ends out."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False
    optional: bool = False

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        left = "(" if self.open_low or self.low == -math.inf else "["
        right = ")" if self.open_high or self.high == math.inf else "]"
        return f"{kind} in {left}{self.low:g}, {self.high:g}{right}{' or null' * self.optional}"


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        return any(value == option and type(value) is type(option) for option in self.options)

    def __str__(self) -> str:
        written = ["null" if option is None else str(option).lower() for option in self.options]
        return written[0] if len(written) == 1 else "one of " + ", ".join(written)


@dataclass(frozen=True)
class Either:
    """What one of two constraints allows."""

    first: Number | Choice
    second: Number | Choice

    def __contains__(self, value: object) -> bool:
        return value in self.first or value in self.second

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"

    @property
    def options(self) -> tuple[object, ...]:
        return (*getattr(self.first, "options", ()), *getattr(self.second, "options", ()))


@dataclass(frozen=True)
class Each:
    """A list whose every element satisfies `element`; `length` of them where it is given."""

    element: Number
    length: int | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, list) or self.length not in (None, len(value)):
            return False
        return all(item in self.element for item in value)

    def __str__(self) -> str:
        return f"a list of {self.length or 'any number of'} values, each {self.element}"


POSITIVE = Number(0, open_low=True)
NON_NEGATIVE = Number(0)
FRACTION = Number(0, 1, open_high=True)
COUNT = Number(1, integer=True)
OPTIONAL_COUNT = Number(1, integer=True, optional=True)
FLAG = Choice((True, False))
INIT = Choice(("default", "glorot", "he", "standard", "zeros"))

ALLOWED: Mapping[str, Number | Choice | Either | Each] = {
    "seed": Number(0, 2**32 - 1, integer=True),
    "data_seed": Number(0, 2**32 - 1, integer=True),
    "batch_size": Either(COUNT, Choice(("full",))),
    "microbatch": OPTIONAL_COUNT,
    "budget.epochs": Number(0, open_low=True, optional=True),
    "budget.steps": OPTIONAL_COUNT,
    "budget.examples": OPTIONAL_COUNT,
    "budget.seconds": Number(0, open_low=True, optional=True),
    "target": Number(optional=True),
    "validate_every": OPTIONAL_COUNT,
    "log_every": COUNT,
    "stop.divergence": Number(1, open_low=True, optional=True),
    "stop.patience": OPTIONAL_COUNT,
    "stop.min_delta": NON_NEGATIVE,
    "stop.at_target": FLAG,
    "deterministic": FLAG,
    "rerun": FLAG,
    "workers": OPTIONAL_COUNT,
    "threads": COUNT,
    "optimizer.lr": NON_NEGATIVE,
    "optimizer.momentum": FRACTION,
    "optimizer.dampening": Number(0, 1),
    "optimizer.weight_decay": NON_NEGATIVE,
    "optimizer.nesterov": FLAG,
    "optimizer.alpha": FRACTION,
    "optimizer.betas": Each(FRACTION, 2),
    "optimizer.eps": NON_NEGATIVE,
    "optimizer.lr_decay": NON_NEGATIVE,
    "optimizer.initial_accumulator_value": NON_NEGATIVE,
    "optimizer.amsgrad": FLAG,
    "optimizer.centered": FLAG,
    "optimizer.fused": Choice((True, False, None)),
    "schedule.warmup": NON_NEGATIVE,
    "schedule.final": Number(0, 1),
    "schedule.gamma": Number(0, 1, open_low=True),
    "schedule.milestones": Each(POSITIVE),
    "model.hidden": Each(COUNT),
    "model.activation": Choice(("relu", "tanh", "sigmoid", "gelu", "silu", "identity")),
    "model.init": INIT,
    "model.norm": Choice(("none", "batch", "layer")),
    "model.dropout": FRACTION,
    "model.residual": FLAG,
    "data.valid_fraction": Number(0, 1, open_low=True, open_high=True),
    "data.test_fraction": Number(0, 1, open_low=True, open_high=True),
    "data.split_seed": Number(0, 2**32 - 1, integer=True),
    "data.drop_last": FLAG,
    "data.limit": OPTIONAL_COUNT,
    "task.mode": Choice(("min", "max")),
    "trainer.accelerator": Choice(("auto", "cpu", "gpu", "cuda", "mps", "tpu")),
    "trainer.devices": COUNT,
    "trainer.num_nodes": COUNT,
    "trainer.strategy": Choice(("auto", "ddp")),
    "trainer.precision": Choice(("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed")),
}


def resolve(config: DictConfig, choices: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The plain, fully resolved config, and one message for every mistake found in it.

    Args:
        config: as Hydra composed it, without the `hydra` node.
        choices: group -> option, for the messages.
    """
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        return {}, [_explain_interpolation(error, choices)]
    assert isinstance(resolved, dict)
    plain = {str(key): value for key, value in resolved.items()}
    return plain, [*_out_of_range(plain), *_contradictions(plain)]


def _explain_interpolation(error: OmegaConfBaseException, choices: Mapping[str, str]) -> str:
    key = str(error.full_key)
    group = key.split(".", maxsplit=1)[0]
    if isinstance(error, InterpolationKeyError):
        wanted = str(error).splitlines()[0].split("'")[1]
        return (
            f"{key} needs {wanted}, which data={choices.get('data')} does not have: "
            f"{group}={choices.get(group)} does not fit this data; choose another {group} or another data"
        )
    return f"{key}: {str(error).splitlines()[0]}"


def _out_of_range(config: Mapping[str, Any]) -> Iterator[str]:
    for key, allowed in ALLOWED.items():
        found, value = _look_up(config, key)
        if found and value not in allowed:
            close = nearest(str(value), getattr(allowed, "options", ()))
            yield f"{key}={_written(value)} is not allowed: {key} is {allowed}{close}"


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """Values that are each fine but do not go together."""
    budget, batch, trainer = config["budget"], config["batch_size"], config["trainer"]
    if all(value is None for value in budget.values()):
        yield "budget: nothing would ever end the run; set one of " + ", ".join(f"budget.{key}" for key in budget)
    needs_end = config["schedule"]["_target_"].endswith(("Cosine", "Step")) or 0 < config["schedule"]["warmup"] < 1
    if needs_end and all(budget[key] is None for key in ("epochs", "steps", "examples")):
        yield "schedule: it must know the last step, which budget.seconds alone does not tell; set budget.steps or epochs too"
    processes = trainer["devices"] * trainer["num_nodes"]
    if isinstance(batch, int) and 0 < batch < processes:
        yield f"batch_size={batch} cannot be shared by {processes} processes: batch_size is at least their number"
    if config["model"].get("norm") == "batch" and 1 in (batch, config["microbatch"]):
        yield "model.norm=batch needs more than one example at a time: raise batch_size or microbatch, or use norm=layer"
    if config["stop"]["at_target"] and config["target"] is None:
        yield "stop.at_target=true needs a target, for example target=0.95"
    on_cpu = trainer["accelerator"] == "cpu" or (trainer["accelerator"] == "auto" and not _has_gpu())
    threads = config["threads"] * (trainer["devices"] if on_cpu else 1)
    if threads > cores():
        yield f"trainer.devices x threads = {threads}: more than the {cores()} cores here, which would only be slower"
    if not config["output_dir"]:
        yield "output_dir is empty: name a folder"
    if config["sweep"] is not None and not re.fullmatch(r"[\w.,+=-]+", str(config["sweep"])):
        yield f"sweep={config['sweep']} is not the name of a folder: letters, digits and . , + = - _ only"
    if trainer["accelerator"] in ("gpu", "cuda") and not _has_gpu():
        yield f"trainer.accelerator={trainer['accelerator']}: no GPU is visible on this machine; use trainer=cpu"


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _has_gpu() -> bool:
    return sys.platform == "darwin" or any(map(shutil.which, ("nvidia-smi", "rocm-smi", "xpu-smi")))


def _look_up(config: Mapping[str, Any], dotted: str) -> tuple[bool, Any]:
    node: Any = config
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False, None
        node = node[part]
    return True, node


def _written(value: object) -> str:
    """`value` as the command line writes it."""
    return json.dumps(value, default=str).strip('"')


def run_id(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that identify what `config` computes (see NOT_IDENTITY for what does not count)."""
    meaningful = {key: _canonical(value) for key, value in config.items() if key not in NOT_IDENTITY}
    meaningful["data"] = {key: value for key, value in meaningful.get("data", {}).items() if key != "data_dir"}
    return hashlib.sha256(json.dumps(meaningful, sort_keys=True).encode()).hexdigest()[:10]


def _canonical(value: Any) -> Any:
    """`value` with 1.0 and 1 made the same."""
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
