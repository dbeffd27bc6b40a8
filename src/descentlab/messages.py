"""Turns a mistake on the command line into a sentence that names the cure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence

from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


class UsageError(ValueError):
    """A command that cannot be carried out as written; its text is for the person who wrote it."""


def written(value: object) -> str:
    """`value` as the command line writes it."""
    return json.dumps(value, default=str).strip('"')


def nearest(word: str, options: Iterable[object]) -> str:
    """ "; did you mean X?" for the option closest to `word`, or nothing."""
    close = difflib.get_close_matches(word, [str(option) for option in options], n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def explain(error: Exception, overrides: Sequence[str] = ()) -> str:
    """What `error`, raised while a configuration was composed from `overrides`, says to a person."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause, overrides)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: cannot be read; write key=value (quote values with spaces, brackets or commas)"
    return _explained(str(error))


def _explained(text: str) -> str:
    """What Hydra says, in words for who typed the command."""
    if misplaced := re.search(r"In '([^']+)': Could not override '[^']*@", text):
        return f"conf/{misplaced[1]}.yaml: `# @package _global_` must be its very first line"
    if "Ambiguous value" in text:
        return f"{_quoted(text)}: several values make a sweep: add -m, as in python train.py -m {_quoted(text)}"
    if "Could not override" in text and "No match in the defaults list" in text:
        return f"{_quoted(text)}: there is no such group; python train.py --help lists them"
    return text.split("\nSet the environment variable", maxsplit=1)[0].strip()


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    options = sorted(error.options or ())
    listed = ", ".join(options)
    return f"{group}={option}: there is no such {group}{nearest(option, options)}\n  {group} is one of: {listed}"


def _unknown_key(error: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key, parent = str(error.full_key), error.parent_node
    prefix, _, last = key.rpartition(".")
    siblings = [str(k) for k in parent] if OmegaConf.is_dict(parent) else []
    valid = sorted(k for k in siblings if not k.startswith("_") and k != "hydra")
    chosen = next((override for override in overrides if prefix and override.startswith(f"{prefix}=")), None)
    where = chosen or prefix or "the top level"
    if not valid:
        return f"{key}: {str(error).splitlines()[0]}"
    deeper = [f"{k}.{last}" for k in valid if k != "search" and OmegaConf.is_dict(parent._get_node(k)) and last in parent[k]]
    hint = f"; did you mean {' or '.join(deeper)}?" if deeper else nearest(last, valid)
    return f"{key}: there is no {last} in {where}{hint}\n  {where} has: {', '.join(valid)}"


def _quoted(text: str) -> str:
    match = re.search(r"'([^']+)'", text)
    return match.group(1) if match else text.splitlines()[0]


COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)
