"""The settings of Hydra itself that have an effect in descentlab, and errors for those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from descentlab.errors import UsageError, nearest

# Overrides with an effect; Hydra's own folders, logging and job settings have none.
USED = ("hydra/launcher", "hydra/sweeper", "hydra.searchpath")
USED_BELOW = ("hydra.launcher.", "hydra.sweeper.")
REPLACED_BY = {"hydra.run.dir": "output_dir", "hydra.sweep.dir": "output_dir", "hydra.sweep.subdir": "sweep"}
# Keys of the node `hydra` that have an effect or describe the command; likewise for `hydra.job`.
USED_KEYS = ("launcher", "sweeper", "searchpath", "runtime", "overrides", "env")
REPORTED_JOB_KEYS = ("name", "override_dirname", "config_name", "num", "id")
FOLDER_KEYS = ("run", "sweep")  # set by a file, they have no effect; output_dir replaces them


def is_of_hydra(override: Override) -> bool:
    """Return True if `override` concerns Hydra itself rather than a run."""
    return override.key_or_group.replace("/", ".").split(".")[0] == "hydra"


def hydra_node(config: DictConfig) -> dict[str, Any]:
    """Return the node `hydra` of `config` as plain containers, with its interpolations unresolved."""
    return cast(dict[str, Any], OmegaConf.to_container(config.hydra, resolve=False))


def check_overrides(overrides: Sequence[Override]) -> None:
    """Check that each override of Hydra itself has an effect and a single value.

    Raises:
        UsageError: one has none, or gives several values.
    """
    for override in overrides:
        key = override.key_or_group
        if override.is_delete() or (key not in USED and not key.startswith(USED_BELOW)):
            instead = f": {REPLACED_BY[key]}=..." if key in REPLACED_BY else "" if key == "hydra" else nearest(key, USED)
            raise UsageError(f"{override.input_line}: descentlab does not use {key}{instead}")
        if override.is_sweep_override():
            raise UsageError(f"{override.input_line}: a command has one {key}: give it one value")


def check_searchpath(overrides: Sequence[Override]) -> None:
    """Check that the folders of hydra.searchpath exist; Hydra itself only warns.

    Raises:
        UsageError: one does not.
    """
    for override in overrides:
        paths = override.value() if override.key_or_group == "hydra.searchpath" else None
        for path in paths if isinstance(paths, list) else []:
            folder = Path(str(path).removeprefix("file://")).expanduser()
            if not str(path).startswith("pkg://") and not folder.is_dir():
                raise UsageError(f"hydra.searchpath: no such folder: {folder}")


def check_files(config: DictConfig, usual: DictConfig, where: str) -> None:
    """Check that the files of `config` set no key of Hydra itself that has no effect.

    Args:
        config: a config with the node `hydra`.
        usual: a config with only the settings that the command itself makes.
        where: the files, for the message.

    Raises:
        UsageError: a key of `hydra` without an effect differs between the two.
    """
    before = _unused(usual)
    for key, value in _unused(config).items():
        if value != before.get(key):
            instead = ": set output_dir" if key in FOLDER_KEYS else ""
            raise UsageError(f"hydra.{key} is set in {where}; descentlab does not use it{instead}")


def _unused(config: DictConfig) -> dict[str, Any]:
    """Return the keys of the node `hydra` that have no effect and report nothing."""
    node = hydra_node(config)
    job = {key: value for key, value in node["job"].items() if key not in REPORTED_JOB_KEYS}
    return {key: value for key, value in node.items() if key not in USED_KEYS} | {"job": job}
