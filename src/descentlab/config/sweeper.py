"""The sweeper of a command (hydra/sweeper): which class decides on its runs, and the words that set it.

A word KEY=VALUE whose KEY is a key of the sweeper's file and not of a run abbreviates hydra.sweeper.KEY=VALUE: trials=16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from descentlab.compat import Repository
from descentlab.errors import UsageError, nearest

GRID = "descentlab.config.command_line.Command"
TUNER = "descentlab.tuning.tuner.Tuner"
TARGETS = (GRID, TUNER)  # the values of _target_ in conf/hydra/sweeper/
GROUP = "hydra/sweeper"


def sweeper_keys(repository: Repository, option: str) -> list[str]:
    """Return the keys that the file of an option of hydra/sweeper has; none if it is not descentlab's."""
    found = repository.load_config(f"{GROUP}/{option}")
    node = found.config if found is not None else None
    if not isinstance(node, DictConfig) or OmegaConf.select(node, "_target_") not in TARGETS:
        return []
    return [str(key) for key in node if key != "_target_"]


def abbreviated(
    overrides: Sequence[Override], master: DictConfig, repository: Repository, options: Sequence[str]
) -> list[Override]:
    """Return those of `overrides` that abbreviate a setting of the chosen sweeper.

    Args:
        overrides: the overrides of the command that do not concern Hydra itself.
        master: the config that Hydra composed for the command.
        repository: the config files.
        options: the options of hydra/sweeper.

    Raises:
        UsageError: an override is a setting of another sweeper, or resembles one of this sweeper.
    """
    bare = [override for override in overrides if _is_bare(override) and override.key_or_group not in master]
    bare = [override for override in bare if not repository.group_exists(override.key_or_group)]
    chosen = master.hydra.runtime.choices[GROUP]
    own = sweeper_keys(repository, chosen)
    for override in bare:
        key = override.key_or_group
        owner = next((option for option in options if key in sweeper_keys(repository, option)), None)
        if owner is not None and key not in own:
            raise UsageError(f"{override.input_line}: {key} is a setting of {GROUP}={owner}: add {GROUP}={owner}")
        if owner is None and (close := nearest(key, own)):
            raise UsageError(f"{override.input_line}: unknown key {key}{close}")
    return [override for override in bare if override.key_or_group in own]


def _is_bare(override: Override) -> bool:
    return not (override.is_add() or override.is_delete() or override.package or "." in override.key_or_group)


def check_settings(overrides: Sequence[Override], master: DictConfig, repository: Repository) -> None:
    """Check that the overrides of hydra.sweeper set keys that the sweeper's file has.

    Raises:
        UsageError: one does not.
    """
    chosen = master.hydra.runtime.choices[GROUP]
    own = sweeper_keys(repository, chosen)
    for override in overrides:
        node, _, key = override.key_or_group.partition("hydra.sweeper.")
        if not node and key and key.partition(".")[0] not in own:
            settings = f"; {GROUP}={chosen} has {', '.join(own)}{nearest(key, own)}"
            raise UsageError(f"{override.input_line}: descentlab does not use hydra.sweeper.{key}{settings}")


def sweeper_of(master: DictConfig) -> Mapping[str, object]:
    """Return the node hydra/sweeper of a composed command: the class that decides on its runs, and its settings."""
    node = OmegaConf.to_container(master.hydra.sweeper, resolve=True)
    assert isinstance(node, dict)
    return {str(key): value for key, value in node.items()}
