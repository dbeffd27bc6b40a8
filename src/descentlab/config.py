"""What a valid configuration is, and which run it identifies. Knows neither torch nor Lightning."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from descentlab.allowed import ALLOWED
from descentlab.messages import nearest
from descentlab.records import NOT_IDENTITY

# The schedules of a config; the classes whose form depends on the last step; the keys of the others that below 1 are fractions.
SCHEDULES = ("schedule", "momentum_schedule", "decay_schedule")
OVER_THE_WHOLE_RUN = ("Cosine", "OneCycle", "Polynomial", "WarmupStableDecay")
LENGTHS = ("warmup", "every", "milestones", "period", "timescale")

GROUP_KEYS = ("match", "dims", "to", "lr", "set")  # descentlab.optim.groups.Rule


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
    if all(budget[key] is None for key in ("epochs", "steps", "examples")):
        whys = [_needs_end(name, config[name]) for name in SCHEDULES if config.get(name)]
        yield from (f"{why}, which budget.seconds alone does not tell; set budget.steps or epochs too" for why in whys if why)
    processes = trainer["devices"] * trainer["num_nodes"]
    if isinstance(batch, int) and 0 < batch < processes:
        yield f"batch_size={batch} cannot be shared by {processes} processes: batch_size is at least their number"
    if config["decay"]["rate"] and config["optimizer"].get("weight_decay"):
        yield "two weight decays: set optimizer.weight_decay=0 with decay.rate"
    if (any(config["clip"].values()) or config["decay"]["kind"] == "coupled") and trainer["precision"] == "16-mixed":
        yield "clip and decay.kind=coupled would see gradients as 16-mixed scales them: use trainer.precision=bf16-mixed"
    if config["average"]["kind"] != "none" and trainer["strategy"] == "fsdp":
        yield "average.kind needs whole weights, which fsdp cuts: use trainer=ddp"
    yield from _group_mistakes(config)
    if config["engine"] == "explicit":
        yield from _beyond_the_explicit_engine(config)
    if config["model"].get("norm") == "batch" and 1 in (batch, config["microbatch"]):
        yield "model.norm=batch needs more than one example at a time: raise batch_size or microbatch, or use norm=layer"
    if config["stop"]["at_target"] and config["target"] is None:
        yield "stop.at_target=true needs a target, for example target=0.95"
    if not config["output_dir"]:
        yield "output_dir is empty: name a folder"
    if config["sweep"] is not None and not re.fullmatch(r"[\w.,+=-]+", str(config["sweep"])):
        yield f"sweep={config['sweep']} is not the name of a folder: letters, digits and . , + = - _ only"
    if trainer["strategy"] == "auto" and trainer["num_nodes"] > 1:
        yield f"trainer.num_nodes={trainer['num_nodes']}: say how the nodes share the work, trainer=ddp or trainer=fsdp"


def _beyond_the_explicit_engine(config: Mapping[str, Any]) -> Iterator[str]:
    trainer, decay = config["trainer"], config["decay"]
    if trainer["devices"] * trainer["num_nodes"] > 1 or trainer["strategy"] != "auto":
        yield "engine=explicit has one process: use trainer=cpu or trainer=gpu with trainer.devices=1"
    if trainer["precision"] not in ("32-true", "64-true"):
        yield f"engine=explicit computes in 32-true or 64-true, not in {trainer['precision']}"
    extras = {"clip": any(config["clip"].values()), "decay.rate": decay["rate"], "decay.to": decay["to"] != "all"}
    extras |= {"average.kind": config["average"]["kind"] != "none", "lr_decay": config["lr_decay"] != 1}
    extras |= {key: config[key] for key in ("groups", "auxiliary", "compile")}
    extras |= {f"needs.{key}": value for key, value in config["needs"].items()}
    for key in (key for key, wanted in extras.items() if wanted):
        yield f"engine=explicit is the bare loop: it has no {key}"


def _group_mistakes(config: Mapping[str, Any]) -> Iterator[str]:
    for place, rule in enumerate(config["groups"]):
        for key in rule:
            if key not in GROUP_KEYS:
                yield f"groups[{place}].{key}: an entry has {', '.join(GROUP_KEYS)}{nearest(key, GROUP_KEYS)}"
        if rule.get("to", "optimizer") not in ("optimizer", "auxiliary"):
            yield f"groups[{place}].to={rule['to']} is not allowed: it is one of optimizer, auxiliary"
        try:
            re.compile(str(rule.get("match", "")))
        except re.error as error:
            yield f"groups[{place}].match={rule['match']} is no regular expression: {error}"


def _needs_end(name: str, schedule: Mapping[str, Any]) -> str:
    """Why `schedule` must know the last step; nothing if it need not (Schedule.needs_end, without the class)."""
    module, _, kind = schedule["_target_"].rpartition(".")
    if module == "descentlab.optim.schedules" and kind in OVER_THE_WHOLE_RUN:
        return f"{name}: {kind} must know the last step"
    for key in LENGTHS:
        value = schedule.get(key)
        for length in value if isinstance(value, list) else [value]:
            if isinstance(length, int | float) and 0 < length < 1:
                return f"{name}.{key}={_written(value)} is a fraction of all steps"
    return ""


def beyond_this_machine(config: Mapping[str, Any]) -> Iterator[str]:
    """What `config` asks of a machine that this one does not have."""
    trainer = config["trainer"]
    on_cpu = trainer["accelerator"] == "cpu" or (trainer["accelerator"] == "auto" and not _has_gpu())
    threads = config["threads"] * (trainer["devices"] if on_cpu else 1)
    if threads > cores():
        yield f"trainer.devices x threads = {threads}: more than the {cores()} cores here, which would only be slower"
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
