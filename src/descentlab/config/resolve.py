"""Resolve a composed config into plain values, and find every mistake in it. Imports neither torch nor Lightning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from descentlab.config.constraints import Text
from descentlab.config.contradictions import contradictions
from descentlab.config.half_life import impossible_half_lives, with_half_lives
from descentlab.config.ranges import ALLOWED, look_up, out_of_range
from descentlab.config.search import invalid_search
from descentlab.config.shape import PARTS, completed, missing, structural_errors
from descentlab.errors import format_value

OWN_FILES = ("path", "folder", "hub")  # keys of a data config that name a user's own files, whose digest is not registered
PATHS = ("output_dir", "data_dir")


def resolve(config: DictConfig, choices: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the config as plain, resolved containers, and one message for each mistake in it.

    Args:
        config: as Hydra composed it, without the node `hydra`.
        choices: the option chosen in each group, for the messages.
    """
    if mistakes := list(missing({str(key): _unresolved(config, key) for key in config})):
        return {}, mistakes
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        assert isinstance(resolved, dict)
        plain = completed({str(key): value for key, value in resolved.items()})
    except OmegaConfBaseException as error:
        return {}, [_explain_interpolation(error, choices)]
    mistakes = list(structural_errors(plain))
    if mistakes:
        return plain, mistakes
    plain = with_half_lives(_with_strings(plain))
    wrong = [*out_of_range(plain), *invalid_search(plain)]
    return plain, wrong or [*impossible_half_lives(plain), *contradictions(plain)]


def _unresolved(config: DictConfig, key: Any) -> Any:
    """Return the node of `key`; for an interpolation or a missing value, which may not be resolvable, its name."""
    return key if OmegaConf.is_interpolation(config, key) or OmegaConf.is_missing(config, key) else config[key]


def _with_strings(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` with string-valued keys that YAML parsed as numbers or booleans converted, and ~ in paths expanded.

    Example: sweep=2024 becomes the string "2024".
    """
    changed = dict(config)
    for key in (key for key, allowed in ALLOWED.items() if isinstance(allowed, Text)):
        node, _, last = key.rpartition(".")
        if node in PARTS or not isinstance(look_up(config, key)[1], int):
            continue
        text = format_value(look_up(config, key)[1])
        changed |= {node: {**changed[node], last: text}} if node else {last: text}
    for key in PATHS:
        if isinstance(changed[key], str):
            changed[key] = os.path.expanduser(changed[key])  # noqa: PTH111, the rest stays as typed
    return changed


def _explain_interpolation(error: OmegaConfBaseException, choices: Mapping[str, str]) -> str:
    key = str(error.full_key)
    group = key.split(".", maxsplit=1)[0]
    if isinstance(error, InterpolationKeyError):
        wanted = str(error).splitlines()[0].split("'")[1]
        other = wanted.split(".", maxsplit=1)[0]
        return (
            f"{key} needs {wanted}, which {other}={choices.get(other)} does not have: "
            f"{group}={choices.get(group)} does not fit it; choose another {group} or another {other}"
        )
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no value yet: set {key}=..."
    return f"{key}: {str(error).splitlines()[0]}"
