"""Turn an error raised while parsing and composing a command line into a sentence that names the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from descentlab.errors import UsageError, describe_error, nearest, no_such_key

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)  # errors that `explain` accepts, in addition to yaml.YAMLError


@contextmanager
def composition_errors() -> Iterator[None]:
    """Turn an error that Hydra does not expect from a file, such as `defaults: adam`, into a message.

    Raises:
        UsageError: composing failed with an error that is not Hydra's own.
    """
    try:
        yield
    except (UsageError, yaml.YAMLError, *COMPOSITION_ERRORS):
        raise
    except UnicodeDecodeError as error:
        raise UsageError(f"a config file is not UTF-8: {error}") from None
    except RecursionError:
        raise UsageError("a config file is among its own defaults: write _self_ for the file itself") from None
    except Exception as error:
        raise UsageError(f"a config file cannot be composed: {describe_error(error)}") from None


def explain(error: Exception, overrides: Sequence[str] = ()) -> str:
    """Return a message for the user about `error`, which was raised while `overrides` were parsed and composed."""
    cause = error.__cause__
    if isinstance(error, yaml.YAMLError):
        return _yaml_error(error)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        return _unknown_key(cause, overrides)
    if isinstance(error, OverrideParseException):
        return _unreadable_override(str(error.override))
    return _from_hydra(str(error))


def _unreadable_override(word: str) -> str:
    key, equals, value = word.partition("=")
    if not equals or not key or not value.strip("'\""):
        return f"{word}: cannot be read; write key=value"
    if not re.fullmatch(r"[~+]*[\w./@-]+", key) or key.startswith("/"):
        return f"{word}: cannot be read; a key is names with dots between them, an element of a list is key.0"
    if spacing := re.match(r"(?:lin|log)space(?=\()", value):
        return f"{word}: cannot be read; write {key}={spacing[0]}(START,STOP,COUNT) with a COUNT of at least 2"
    quoted = value.strip("'\"").replace('"', '\\"')
    return (
        f"{word}: cannot be read; a string with spaces, commas, brackets or other signs is quoted twice: '{key}=\"{quoted}\"'"
    )


def _yaml_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{Path(mark.name).name if mark.name.endswith('.yaml') else mark.name}, line {mark.line + 1}: " if mark else ""
    return f"{where}not valid YAML: {what}"


def _from_hydra(text: str) -> str:
    """Return Hydra's message, reworded where the fix is known."""
    if misplaced := re.search(r"In '([^']+)': Could not override '[^']*@", text):
        return f"conf/{misplaced[1]}.yaml: `# @package _global_` must be its very first line"
    if "Ambiguous value" in text:
        return f"{_quoted(text)}: several values make a sweep: add -m, as in python train.py -m {_quoted(text)}"
    if "Could not override" in text and "No match in the defaults list" in text:
        return f"{_quoted(text)}: unknown group; python train.py --help lists them"
    return text.split("\nSet the environment variable", maxsplit=1)[0].strip()


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    if not group:
        return f"--config-name={option}: there is no {option}.yaml in conf/ or in the folder of --config-dir"
    options = sorted(error.options or ())
    if not options:  # Hydra does not report the options of a list
        return f"{group}={option}: unknown {group}; python train.py --help lists them"
    listed = ", ".join(options)
    return f"{group}={option}: unknown {group}{nearest(option, options)}\n  {group} is one of: {listed}"


def _unknown_key(error: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key, parent = str(error.full_key), error.parent_node
    prefix, _, last = key.rpartition(".")
    siblings = OmegaConf.to_container(parent, resolve=False) if isinstance(parent, DictConfig) else None
    nodes = {str(k): value for k, value in siblings.items()} if isinstance(siblings, dict) else {}
    valid = [k for k in nodes if not k.startswith("_") and k != "hydra"]
    if not valid:
        return f"{key}: {str(error).splitlines()[0]}"
    chosen = next((override for override in overrides if prefix and override.startswith(f"{prefix}=")), None)
    deeper = [f"{k}.{last}" for k in valid if k != "search" and isinstance(nodes[k], dict) and last in nodes[k]]
    return no_such_key(key, chosen or prefix, valid, deeper)


def _quoted(text: str) -> str:
    match = re.search(r"'([^']+)'", text)
    return match.group(1) if match else text.splitlines()[0]
