"""The nodes and keys of a config. A key that nothing reads is an error, from the command line (+key) or from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from descentlab.config.ranges import ALLOWED
from descentlab.config.requirements import Requirements
from descentlab.errors import format_value, no_such_key

# Nodes defined by an option of a group. Their keys are the arguments of the class (_target_), which the trial step checks.
PARTS = ("data", "model", "task", "optimizer", "schedule")
OPTIONAL_PARTS = ("momentum_schedule", "decay_schedule", "auxiliary", "baseline")
# Nodes whose keys are fixed, with an example of each.
EXAMPLES = {
    "budget": "budget.epochs=10",
    "branch": "branch.step=100",
    "start_from": "start_from.run=outputs/SWEEP/RUN",
    "clip": "clip.norm=1.0",
    "noise": "noise.std=0.1",
    "decay": "decay.rate=0.01",
    "average": "average.kind=ema",
    "half_life": "half_life.second_moment=1000",
    "needs": "needs.closure=true",
    "stop": "stop.patience=5",
    "checkpoint": "checkpoint.every=60",
    "trainer": "trainer=cpu",
    "logger": "logger=none",
    "report": "report.by=valid/loss",
}
OPTIONAL_EXAMPLES = {
    "momentum_schedule": "schedule@momentum_schedule=linear",
    "decay_schedule": "schedule@decay_schedule=linear",
    "auxiliary": "'auxiliary={_target_: torch.optim.AdamW, _partial_: true, lr: 0.001}'",
    "baseline": "baseline=normal_equation",
}
KEYS: Mapping[str, tuple[str, ...]] = {
    **{node: tuple(key.partition(".")[2] for key in ALLOWED if key.startswith(f"{node}.")) for node in EXAMPLES},
    "needs": tuple(field.name for field in fields(Requirements)),
}
# Nodes in which each key names a part that is built from its _target_, and their keys that are settings instead.
NAMED_PARTS: Mapping[str, tuple[str, ...]] = {"diagnostics": ("budget", "every"), "alerts": (), "callbacks": ()}
OTHERS = ("groups", "search", *NAMED_PARTS)
TOP = tuple(sorted({*KEYS, *PARTS, *OPTIONAL_PARTS, *OTHERS, *(key for key in ALLOWED if "." not in key)}))
# The values that replace null, which means that the part is not used.
NONE: Mapping[str, Any] = {
    "logger": {"project": None},
    "schedule": {"_target_": "descentlab.optim.schedules.Constant", "warmup": 0},
    "budget": {"epochs": None, "steps": None, "examples": None, "seconds": None},
    "branch": {"step": None, "data_seed": None},
    "start_from": {"run": None, "step": None},
    "clip": {"norm": None, "value": None, "adaptive": None},
    "noise": {"std": None, "decay": 0.55},
    "decay": {"rate": None, "kind": "decoupled", "to": "all"},
    "average": {"kind": "none", "decay": 0.999, "start": 0},
    "half_life": {"momentum": None, "second_moment": None, "average": None},
    "stop": {"divergence": None, "patience": None, "min_delta": 0.0, "at_target": False}
    | {"plateau": None, "window": 100, "grad_norm": None, "gap": None},
    "checkpoint": {"every": None, "keep": False, "snapshots": None},
    "needs": {
        field.name: list(field.default) if isinstance(field.default, tuple) else field.default for field in fields(Requirements)
    },
    "report": {"by": None, "reference": None, "margin": None},
    "groups": [],
    "search": {},
    "diagnostics": {},
    "alerts": {},
    "callbacks": {},
}


def named_parts(config: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """Return the named parts of the node `key` of a config, without its settings; empty if the node is missing."""
    return {name: part for name, part in (config.get(key) or {}).items() if name not in NAMED_PARTS[key]}


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` with each null or missing node replaced by its value in NONE."""
    optional = dict.fromkeys(OPTIONAL_PARTS)
    return {**optional, **NONE, **{key: NONE.get(key) if value is None else value for key, value in config.items()}}


def missing(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each required node that is missing or null; `config` may contain interpolations."""
    for key in TOP:
        if key not in (*NONE, *OPTIONAL_PARTS) and (key not in config or (key in (*PARTS, "trainer") and config[key] is None)):
            yield f"{key}: a run needs one, and it was removed (~{key}, or {key}=null): {EXAMPLES.get(key, f'{key}=...')}"


def structural_errors(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each node or key that is unknown, missing or of the wrong type. Later checks require that none is."""
    yield from _mixed_keys(config)
    for key in config:
        if key not in TOP:
            deeper = [
                f"{node}.{key}"
                for node, value in config.items()
                if node != "search" and isinstance(value, Mapping) and key in value
            ]
            yield no_such_key(key, "", TOP, deeper)
    for key, example in {**EXAMPLES, **OPTIONAL_EXAMPLES}.items():
        if not isinstance(config.get(key), Mapping | None):
            yield f"{key}={format_value(config[key])} is not allowed: it has parts; write for example {example}"
        elif key in KEYS and config.get(key) is not None:
            yield from _wrong_keys(key, config[key])
    for key in PARTS + OPTIONAL_PARTS:
        node = config.get(key)
        if (key in PARTS or isinstance(node, Mapping)) and node is not None and not _has_target(node):
            yield (
                f"{key} has no _target_, the class that makes it: is the file of {key} empty or a list, or does it have "
                "`# @package _global_` elsewhere than in its first line?"
            )
        elif key in ("optimizer", "auxiliary") and isinstance(node, Mapping) and not node.get("_partial_"):
            yield f"{key} lacks `_partial_: true`: it is called later, with the model's parameters"
    yield from _malformed_parts(config)
    groups = config.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(rule, Mapping) for rule in groups):
        example = "'groups=[{match: head, lr: 0.1}, {}]'"
        yield f"groups={format_value(groups)} is not allowed: it is a list of entries, as {example}"


def _malformed_parts(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each node of named parts that is not a mapping from names to nodes with a _target_."""
    for key, settings in NAMED_PARTS.items():
        parts = config.get(key, {})
        example = f"'+{key}.mine._target_=package.Mine'"
        if not isinstance(parts, Mapping) or "_target_" in parts:
            yield f"{key}={format_value(parts)} is not allowed: each of its parts has a name, for example {example}"
            continue
        for name, node in parts.items():
            if name not in settings and not _has_target(node):
                yield f"{key}.{name} has no _target_, the class that makes it; write for example {example}"


def _mixed_keys(node: Any, path: str = "") -> Iterator[str]:
    """Yield a message for each mapping that has both strings and numbers as keys."""
    if isinstance(node, Mapping):
        if len({type(key) is str for key in node}) > 1:
            number = next(key for key in node if not isinstance(key, str))
            yield f"{path}{number}: the keys of one node are strings; write '{number}' in quotes"
        for key, value in node.items():
            yield from _mixed_keys(value, f"{path}{key}.")


def _wrong_keys(node: str, given: Mapping[str, Any]) -> Iterator[str]:
    for key in given:
        if key not in KEYS[node]:
            yield no_such_key(f"{node}.{key}", node, KEYS[node])
    optional = ("entity", "live") if node == "logger" else ()
    for key in KEYS[node]:
        if key not in given and key not in optional:
            yield f"{node}.{key} is missing: leave out ~{node}.{key}; {node}.{key}=null means none"


def _has_target(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("_target_"), str)
