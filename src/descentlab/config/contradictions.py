"""Combinations of config values that are each valid but contradict each other. Imports neither torch nor Lightning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.config.constraints import Choice, Each, Either, Number
from descentlab.config.shape import OPTIONAL_EXAMPLES, named_parts
from descentlab.errors import format_value, nearest
from descentlab.store.start_from import missing_start

# The config's schedules; schedule classes that depend on the last step; keys that are fractions of the run if below 1.
SCHEDULES = ("schedule", "momentum_schedule", "decay_schedule")
OVER_THE_WHOLE_RUN = ("Cosine", "ExponentialGrowth", "OneCycle", "Polynomial", "WarmupStableDecay")
LENGTHS = ("warmup", "every", "milestones", "period", "timescale")
KINDS = {"Regression": "regression", "Binary": "binary", "Classification": "classes"}  # the kind of target of each task
RULE = ("match", "dims", "to", "lr", "set")  # descentlab.optim.groups.GroupEntry
RULE_VALUES = {"dims": Either(Each(Number(0, integer=True)), Choice((None,))), "lr": Number(0)}


def contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message with the fix for each contradiction in a resolved config."""
    yield from _of_length(config)
    yield from _of_updates(config)
    yield from _of_processes(config)
    yield from _of_targets(config)
    yield from _of_names(config)
    yield from _of_groups(config)
    if config["compile"] == "step":
        yield from (f"compile=step: {reason}" for reason in not_in_one_program(config))
    if config["engine"] == "explicit":
        yield from _unsupported_by_explicit_engine(config)


def _of_length(config: Mapping[str, Any]) -> Iterator[str]:
    budget = config["budget"]
    if all(value is None for value in budget.values()):
        yield "budget: nothing would ever end the run; set one of " + ", ".join(f"budget.{key}" for key in budget)
    if all(budget[key] is None for key in ("epochs", "steps", "examples")):
        whys = [_needs_end(name, config[name]) for name in SCHEDULES if config.get(name)]
        average = config["average"]
        if average["kind"] != "none" and 0 < average["start"] < 1:
            whys.append(f"average.start={format_value(average['start'])} is a fraction of all steps")
        yield from (f"{why}, which budget.seconds alone does not fix; set budget.steps or epochs too" for why in whys if why)
    probes = [str(node["_target_"]) for node in named_parts(config, "diagnostics").values()]
    if config["stop"]["grad_norm"] is not None and not any(probe.endswith(".GradNorm") for probe in probes):
        yield "stop.grad_norm needs the norms of gradients, which the probe grad_norm measures: diagnostics=light"
    branch = config["branch"]
    if (branch["step"] is None) != (branch["data_seed"] is None):
        yield "branch.step and branch.data_seed belong together: branch.step=100 branch.data_seed=1"
    elif branch["step"] is not None and config["batch_size"] == "full":
        yield "branch changes the order of batches, and batch_size=full has none: leave it out"
    yield from missing_start(config["start_from"])
    if config["stop"]["at_target"] and config["target"] is None:
        yield "stop.at_target=true needs a target, for example target=0.95"
    by = (config.get("report") or {}).get("by")
    if isinstance(by, str) and by.endswith("_to_target") and config["target"] is None:
        yield f"report.by={by} needs a target, for example target=0.95"


def _of_updates(config: Mapping[str, Any]) -> Iterator[str]:
    parts = {name: config[name] or {} for name in ("optimizer", "auxiliary")}
    own = [f"{name}.{key}=0" for name, part in parts.items() for key in ("weight_decay", "weight_decay_1d") if part.get(key)]
    if config["decay"]["rate"] and own:
        yield f"two weight decays: set {' and '.join(own)} with decay.rate"
    if config["project"] and config["project"][0] >= config["project"][1]:
        yield f"project={format_value(config['project'])} is no interval: its first number is the lower one"
    for name in SCHEDULES[1:]:
        if config.get(name) and config[name]["_target_"].endswith(".ReduceOnPlateau"):
            yield f"{name}: reduce_on_plateau is for the learning rate: schedule=reduce_on_plateau"
    if config["model"].get("norm") == "batch" and 1 in (config["batch_size"], config["microbatch"]):
        yield "model.norm=batch needs more than one example at a time: raise batch_size or microbatch, or use norm=layer"


def _of_processes(config: Mapping[str, Any]) -> Iterator[str]:
    batch, trainer = config["batch_size"], config["trainer"]
    processes, precision = trainer["devices"] * trainer["num_nodes"], trainer["precision"]
    if isinstance(batch, int) and 0 < batch < processes:
        yield f"batch_size={batch} cannot be shared by {processes} processes: batch_size is at least their number"
    if trainer["strategy"] == "auto" and trainer["num_nodes"] > 1:
        yield f"trainer.num_nodes={trainer['num_nodes']}: choose how the nodes share the work, trainer=ddp or trainer=fsdp"
    if trainer["strategy"] == "fsdp" and precision in ("64-true", "16-mixed"):
        yield f"trainer=fsdp does not compute in {precision}: use 32-true, bf16-mixed or bf16-true"
    if trainer["strategy"] == "fsdp" and config["average"]["kind"] != "none":
        yield "average.kind needs whole weights, which fsdp shards: use trainer=ddp"
    changed = any(config["clip"].values()) or config["noise"]["std"] or config["decay"]["kind"] == "coupled"
    if precision == "16-mixed" and changed:
        yield "clip, noise and decay.kind=coupled would see gradients as 16-mixed scales them: use trainer.precision=bf16-mixed"
    if trainer["strategy"] == "fsdp" and config["noise"]["std"]:
        yield "noise.std needs whole gradients, which fsdp shards: use trainer=ddp"
    if trainer["strategy"] == "fsdp" and config["orthogonal_gradient"]:
        yield "orthogonal_gradient needs whole gradients, which fsdp shards: use trainer=ddp"


def _of_targets(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each mismatch between data, model and task."""
    kind, task = config["data"].get("kind"), config["task"]["_target_"].rpartition(".")[2]
    if kind in KINDS.values() and KINDS.get(task, kind) != kind:
        fitting = next(name for name, takes in KINDS.items() if takes == kind).lower()
        yield f"data.kind={kind} is no target for {task}: data.kind={KINDS[task]}, or task={fitting}"
    model = config["model"]["_target_"]
    if config["data"].get("categories") == "codes" and model.startswith("descentlab.") and not model.endswith(".EmbeddingMLP"):
        yield "data.categories=codes numbers the categories for model=embedding_mlp; other models take data.categories=one_hot"
    if config["task"].get("criterion") == "triplet" and config["model"].get("num_classes"):
        yield "task=triplet compares faces with faces, not with classes: model=face_embedding batch_size=90"


def _of_names(config: Mapping[str, Any]) -> Iterator[str]:
    path = config["data"].get("path")
    if isinstance(path, str) and not Path(path).expanduser().exists():
        yield f"data.path={path}: no such file"
    if config["sweep"] is not None and not re.fullmatch(r"(?!\.)[\w.,+=-]+", config["sweep"]):
        yield f"sweep={config['sweep']} is not the name of a folder: letters, digits and . , + = - _ only, no dot first"


def _of_groups(config: Mapping[str, Any]) -> Iterator[str]:
    wanted = any(rule.get("to") == "auxiliary" for rule in config["groups"])
    if wanted and config["auxiliary"] is None:
        yield f"groups: some parameters go to the auxiliary optimizer, and there is none: {OPTIONAL_EXAMPLES['auxiliary']}"
    if config["auxiliary"] is not None and not wanted:
        yield "auxiliary: no parameter would go to it: 'groups=[{match: head, to: auxiliary}, {}]'"
    for place, rule in enumerate(config["groups"]):
        for key in rule:
            if key not in RULE:
                yield f"groups[{place}].{key}: an entry has {', '.join(RULE)}{nearest(key, RULE)}"
        if rule.get("to", "optimizer") not in ("optimizer", "auxiliary"):
            yield f"groups[{place}].to={rule['to']} is not allowed: it is one of optimizer, auxiliary"
        for key, allowed in RULE_VALUES.items():
            if key in rule and rule[key] not in allowed:
                yield f"groups[{place}].{key}={format_value(rule[key])} is not allowed: it is {allowed}"
        if not isinstance(rule.get("set", {}), Mapping):
            yield f"groups[{place}].set={format_value(rule['set'])} is not allowed: it is hyperparameters, as {{momentum: 0.5}}"
        try:
            re.compile(str(rule.get("match", "")))
        except re.error as error:
            yield f"groups[{place}].match={rule['match']} is no regular expression: {error}"


def _unsupported_by_explicit_engine(config: Mapping[str, Any]) -> Iterator[str]:
    trainer, decay = config["trainer"], config["decay"]
    if trainer["accelerator"] in ("mps", "tpu"):
        yield f"engine=explicit runs on a CPU or a CUDA GPU, not on trainer.accelerator={trainer['accelerator']}"
    if trainer["devices"] * trainer["num_nodes"] > 1 or trainer["strategy"] != "auto":
        yield "engine=explicit has one process: use trainer=cpu or trainer=gpu with trainer.devices=1"
    if trainer["precision"] not in ("32-true", "64-true"):
        yield f"engine=explicit computes in 32-true or 64-true, not in {trainer['precision']}"
    extras = {"clip": any(config["clip"].values()), "decay.rate": decay["rate"], "decay.to": decay["to"] != "all"}
    extras |= {
        "noise.std": config["noise"]["std"],
        "orthogonal_gradient": config["orthogonal_gradient"],
        "project": config["project"],
        "average.kind": config["average"]["kind"] != "none",
        "lr_decay": config["lr_decay"] != 1,
    }
    extras |= {key: config[key] for key in ("groups", "auxiliary", "compile", "callbacks")}
    extras |= {f"needs.{key}": value for key, value in config["needs"].items()}
    extras["model.parametrization=mup"] = str(config["model"].get("parametrization")).startswith("mup")
    for key in (key for key, wanted in extras.items() if wanted):
        yield f"engine=explicit is the bare loop: it has no {key}"


def not_in_one_program(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each setting with which an optimizer step cannot be compiled as one program."""
    trainer, name = config["trainer"], config["optimizer"]["_target_"].rpartition(".")[2]
    if config["engine"] != "lightning":
        yield f"engine={config['engine']} takes its steps by itself: use engine=lightning"
    if trainer["devices"] * trainer["num_nodes"] > 1 or trainer["strategy"] != "auto":
        yield "a program has one process: use trainer=cpu or trainer=gpu with trainer.devices=1"
    if trainer["accelerator"] in ("mps", "tpu"):
        yield f"programs run on a CPU or a CUDA GPU, not on trainer.accelerator={trainer['accelerator']}"
    if trainer["precision"] not in ("32-true", "64-true"):
        yield f"programs compute in 32-true or 64-true, not in {trainer['precision']}"
    if config["microbatch"] is not None:
        yield "a program takes the whole batch: leave microbatch out"
    if config["callbacks"]:
        yield "callbacks are not called inside a program: leave callbacks out"
    for need in ("closure", "two_passes", "graph", "random", "model"):
        if config["needs"][need]:
            yield f"{name} needs more than the gradient of a batch (needs.{need}): use compile=false"


def _needs_end(name: str, schedule: Mapping[str, Any]) -> str:
    """Return the reason that `schedule` depends on the last step, or '' (Schedule.needs_end, without importing the class)."""
    module, _, kind = schedule["_target_"].rpartition(".")
    if module == "descentlab.optim.schedules" and kind in OVER_THE_WHOLE_RUN:
        return f"{name}: {kind} depends on the last step"
    for key in LENGTHS:
        value = schedule.get(key)
        for length in value if isinstance(value, list) else [value]:
            if isinstance(length, int | float) and 0 < length < 1:
                return f"{name}.{key}={format_value(value)} is a fraction of all steps"
    return ""


# Keys that have an effect only for some values of another key: (that key, a test of its value, an example).
DEPENDENT: Mapping[str, tuple[str, Callable[[Any], bool], str]] = {
    "decay.kind": ("decay", lambda decay: decay["rate"] is not None, "decay.rate=0.01"),
    "average.decay": ("average", lambda average: average["kind"] == "ema", "average.kind=ema"),
    "average.start": ("average", lambda average: average["kind"] != "none", "average.kind=ema"),
    "noise.decay": ("noise", lambda noise: noise["std"] is not None, "noise.std=0.1"),
    "stop.min_delta": ("stop", lambda stop: stop["patience"] is not None, "stop.patience=5"),
    "stop.window": ("stop", lambda stop: stop["plateau"] is not None, "stop.plateau=0.001"),
    "retry_after": ("retries", lambda retries: retries > 0, "retries=2"),
}


def without_effect(configs: Sequence[Mapping[str, Any]], words: Iterable[str]) -> Iterator[str]:
    """Yield a message for each override that affects none of the command's runs, because another key disables it."""
    for key in dict.fromkeys(word.lstrip("+").partition("=")[0] for word in words):
        other, suffices, example = DEPENDENT.get(key, ("", None, ""))
        if suffices and not any(suffices(config[other]) for config in configs):
            yield f"{key} has no effect without {example}"
