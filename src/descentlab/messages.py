"""Turns a mistake on the command line into a sentence that names the cure."""

from __future__ import annotations

import difflib
import json
import re
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


class UsageError(ValueError):
    """A command that cannot be carried out as written; its text is for the person who wrote it."""


def written(value: object) -> str:
    """`value` as the command line writes it."""
    return str(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False).strip('"')


def one_line(error: BaseException) -> str:
    """What `error` says, in one line of at most 500 characters."""
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= 500 else f"{text[:500]} ..."


def described(error: BaseException) -> str:
    """A sentence about an error: its kind, its text and, where a user's own code raised it, the file and the line."""
    if isinstance(error, UsageError):
        return str(error)
    return f"{type(error).__name__}: {one_line(error)}{_where(error)}"


def _where(error: BaseException) -> str:
    """The last line outside of descentlab and the libraries that `error` passed through."""
    paths = sysconfig.get_paths()
    others = [Path(__file__).parent, *(Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not frame.filename.startswith("<") and not any(path.is_relative_to(other) for other in others):
            return f" ({path.name}, line {frame.lineno}, in {frame.name})"
    return ""


def nearest(word: str, options: Iterable[object]) -> str:
    """ "; did you mean X?" for the option closest to `word`, or nothing."""
    close = difflib.get_close_matches(word, [str(option) for option in options], n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def no_such_key(key: str, where: str, valid: Iterable[str], deeper: Sequence[str] = ()) -> str:
    """The message for an unknown key, with the nearest key that `where` has, or the nodes below it that have such a key."""
    last, known = key.rpartition(".")[2], sorted(valid)
    hint = f"; did you mean {' or '.join(deeper)}?" if deeper else nearest(last, known)
    return f"{key}: there is no {last} in {where}{hint}\n  {where} has: {', '.join(known)}"


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


COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)
