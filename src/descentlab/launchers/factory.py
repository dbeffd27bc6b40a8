"""Builds a launcher from its config node, a file of conf/hydra/launcher/."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from hydra.utils import get_class

from descentlab.config.ranges import LAUNCHER
from descentlab.errors import UsageError, format_value, no_such_key, one_line
from descentlab.launchers.base import Launcher
from descentlab.store.job import Job

MakeLauncher = Callable[[Sequence[Job]], Launcher]


def launcher_factory(node: Mapping[str, Any], words: Sequence[str] = ()) -> MakeLauncher:
    """Return a function that builds the launcher for given jobs.

    Args:
        node: the node `hydra.launcher` of the config: _target_ and settings.
        words: the overrides of the command.

    Raises:
        UsageError: the class cannot be imported, does not take a setting, or ignores one of the words.
    """
    target = node["_target_"]
    name = target.rpartition(".")[2]
    try:
        launcher = get_class(target)
        accepted = [key for key in inspect.signature(launcher).parameters if key != "jobs"]
    except Exception as error:  # importing user code may raise anything
        raise UsageError(f"hydra.launcher._target_={target} cannot be imported: {one_line(error)}") from None
    settings = {key: value for key, value in node.items() if key != "_target_"}
    if unknown := [key for key in settings if key not in accepted]:
        raise UsageError(no_such_key(f"hydra.launcher.{unknown[0]}", name, accepted))
    for key, allowed in LAUNCHER.items():
        if key in settings and settings[key] not in allowed:
            raise UsageError(
                f"hydra.launcher.{key}={format_value(settings[key])} is not allowed: hydra.launcher.{key} is {allowed}"
            )
    for key in (word.lstrip("+").partition("=")[0] for word in words):
        if key in getattr(launcher, "ignores", {}):
            instead = f": {launcher.ignores[key]}=..." if launcher.ignores[key] else ""
            raise UsageError(f"{key}: the launcher {name} does not use {key}{instead}")
    return partial(launcher, **settings)
