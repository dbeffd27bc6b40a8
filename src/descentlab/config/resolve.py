"""What a valid configuration is, and which run it identifies. Knows neither torch nor Lightning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from descentlab.config.constraints import Text
from descentlab.config.contradictions import SCHEDULES, contradictions
from descentlab.config.ranges import ALLOWED
from descentlab.config.shape import PARTS, completed, misshapen, missing
from descentlab.errors import format_value, nearest

OWN_FILES = ("path", "folder", "hub")  # keys of a data config that name a user's own files, which no digest of ours vouches for
PATHS = ("output_dir", "data_dir")
CHECKED = ("descentlab.", "torch.optim.", "pytorch_optimizer.", "schedulefree.")  # whose keys have the ranges of ALLOWED


def resolve(config: DictConfig, choices: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the plain, fully resolved config, and one message for every mistake found in it.

    Args:
        config: as Hydra composed it, without the `hydra` node.
        choices: group -> option, for the messages.
    """
    present = {str(key): config._get_node(key) for key in config}
    if mistakes := list(missing({key: None if node is None or node._is_none() else node for key, node in present.items()})):
        return {}, mistakes
    try:
        resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        assert isinstance(resolved, dict)
        plain = completed({str(key): value for key, value in resolved.items()})
    except OmegaConfBaseException as error:
        return {}, [_explain_interpolation(error, choices)]
    mistakes = list(misshapen(plain))
    if mistakes:
        return plain, mistakes
    plain = _with_texts(plain)
    return plain, list(_out_of_range(plain)) or list(contradictions(plain))


def _with_texts(config: dict[str, Any]) -> dict[str, Any]:
    """`config` with the text where a text was typed as a whole number or a flag (sweep=2024), and ~ in paths expanded."""
    changed = dict(config)
    for key in (key for key, allowed in ALLOWED.items() if isinstance(allowed, Text)):
        node, _, last = key.rpartition(".")
        if node in PARTS or not isinstance(_look_up(config, key)[1], int):
            continue
        text = format_value(_look_up(config, key)[1])
        changed |= {node: {**changed[node], last: text}} if node else {last: text}
    for key in PATHS:
        if isinstance(changed[key], str):
            changed[key] = os.path.expanduser(changed[key])  # noqa: PTH111, text as it was typed
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


def _out_of_range(config: Mapping[str, Any]) -> Iterator[str]:
    others = {
        key.replace("schedule", name): ALLOWED[key] for name in SCHEDULES[1:] for key in ALLOWED if key.startswith("schedule.")
    }
    for key, allowed in {**ALLOWED, **others}.items():
        found, value = _look_up(config, key)
        if found and value not in allowed and _is_checked(config, key):
            close = nearest(str(value), getattr(allowed, "options", ()))
            quote = f"; quote it: '{key}=\"...\"'" if isinstance(allowed, Text) and isinstance(value, float) else ""
            yield f"{key}={format_value(value)} is not allowed: {key} is {allowed}{close}{quote}"


def _is_checked(config: Mapping[str, Any], key: str) -> bool:
    """Whether a range applies: what a key of a user's own class may be is for that class to say."""
    node = config[key.partition(".")[0]]
    target = str(node.get("_target_", "")) if isinstance(node, Mapping) else ""
    return not target or target.startswith(CHECKED)


def _look_up(config: Mapping[str, Any], dotted: str) -> tuple[bool, Any]:
    node: Any = config
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False, None
        node = node[part]
    return True, node
