"""Turns an error that was raised while a command line was parsed and composed into a sentence that names the fix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from descentlab.errors import nearest, no_such_key

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)


def explain(error: Exception, overrides: Sequence[str] = ()) -> str:
    """Return a sentence for a person about `error`, which was raised while `overrides` were parsed and composed."""
    cause = error.__cause__
    if isinstance(error, yaml.YAMLError):
        return _yaml_error(error)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause, overrides)
    if isinstance(error, OverrideParseException):
        return _unreadable(str(error.override))
    return _explained(str(error))


def _unreadable(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals or not key or not value.strip("'\""):
        return f"{word}: cannot be read; write key=value"
    if not re.fullmatch(r"[~+]*[\w./@-]+", key) or key.startswith("/"):
        return f"{word}: cannot be read; a key is names with dots between them, an element of a list is key.0"
    quoted = value.strip("'\"").replace('"', '\\"')
    return f"{word}: cannot be read; a text with spaces, commas, brackets or other signs is quoted twice: '{key}=\"{quoted}\"'"


def _yaml_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{Path(mark.name).name if mark.name.endswith('.yaml') else mark.name}, line {mark.line + 1}: " if mark else ""
    return f"{where}not valid YAML: {what}"


def _explained(text: str) -> str:
    """Hydra's message in descentlab's words."""
    if misplaced := re.search(r"In '([^']+)': Could not override '[^']*@", text):
        return f"conf/{misplaced[1]}.yaml: `# @package _global_` must be its very first line"
    if "Ambiguous value" in text:
        return f"{_quoted(text)}: several values make a sweep: add -m, as in python train.py -m {_quoted(text)}"
    if "Could not override" in text and "No match in the defaults list" in text:
        return f"{_quoted(text)}: there is no such group; python train.py --help lists them"
    return text.split("\nSet the environment variable", maxsplit=1)[0].strip()


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    if not group:
        return f"--config-name={option}: there is no {option}.yaml in conf/ or in the folder of --config-dir"
    options = sorted(error.options or ())
    if not options:  # of a list, for which Hydra does not report them
        return f"{group}={option}: there is no such {group}; python train.py --help lists them"
    listed = ", ".join(options)
    return f"{group}={option}: there is no such {group}{nearest(option, options)}\n  {group} is one of: {listed}"


def _unknown_key(error: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key, parent = str(error.full_key), error.parent_node
    prefix, _, last = key.rpartition(".")
    siblings = [str(k) for k in parent] if OmegaConf.is_dict(parent) else []
    valid = [k for k in siblings if not k.startswith("_") and k != "hydra"]
    if not valid:
        return f"{key}: {str(error).splitlines()[0]}"
    chosen = next((override for override in overrides if prefix and override.startswith(f"{prefix}=")), None)
    deeper = [f"{k}.{last}" for k in valid if k != "search" and OmegaConf.is_dict(parent._get_node(k)) and last in parent[k]]
    return no_such_key(key, chosen or prefix or "the top level", valid, deeper)


def _quoted(text: str) -> str:
    match = re.search(r"'([^']+)'", text)
    return match.group(1) if match else text.splitlines()[0]
