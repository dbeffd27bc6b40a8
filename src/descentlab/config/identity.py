"""The identity of a run: a hash of the part of its config that determines its results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from descentlab.store import start_from
from descentlab.store.later_keys import without_later_defaults
from descentlab.store.record import NOT_IDENTITY, without_kernels

NOT_OF_DATA = ("data_dir", "workers", "pin_memory", "persistent_workers")  # where the data are stored and how they are read
# module -> its name when it was first used in an id, so that moving a class does not change ids
FIRST_NAMES = {"descentlab.tasks.losses.ranking": "descentlab.tasks.ranking_losses"}


def run_id(config: Mapping[str, Any]) -> str:
    """Return ten hexadecimal digits that identify the results of `config`.

    Keys in NOT_IDENTITY are left out, and later keys at their defaults: see store.later_keys. Half-lives are replaced by the
    rates that they set.
    """
    kept = without_later_defaults(without_kernels(config))
    meaningful = {key: _canonical(value) for key, value in kept.items() if key not in (*NOT_IDENTITY, "half_life")}
    if meaningful.get("compile") in ("step", "auto"):  # the same result up to rounding
        meaningful["compile"] = False
    if meaningful.get("stop", {}).get("grad_norm") is not None:  # it is read at the rows of the curves
        meaningful["log_every"] = config["log_every"]
    if "start_from" in meaningful:
        meaningful["start_from"] = start_from.identity(meaningful["start_from"])
    meaningful["data"] = {key: value for key, value in meaningful.get("data", {}).items() if key not in NOT_OF_DATA}
    return hashlib.sha256(json.dumps(meaningful, sort_keys=True).encode()).hexdigest()[:10]


def _canonical(value: Any) -> Any:
    """Return `value` with whole floats as integers, and with the original names of moved classes and functions."""
    if isinstance(value, Mapping):
        return {key: _named(item) if key == "_target_" else _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _named(target: Any) -> Any:
    module, _, name = str(target).rpartition(".")
    return f"{FIRST_NAMES[module]}.{name}" if module in FIRST_NAMES else target


def config_key(node: Mapping[str, Any]) -> str:
    """Return a string that is equal for two nodes of configs if and only if their contents are equal."""
    return json.dumps(node, sort_keys=True, default=str)


def without_numbers(value: Any) -> Any:
    """Return a part of a config in which each number is replaced by True, or by False if it is 0.

    A number that is 0 can turn a code path off, such as that of momentum or of weight decay.
    """
    if isinstance(value, Mapping):
        return {key: without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_numbers(item) for item in value]
    return bool(value) if isinstance(value, int | float) else value
