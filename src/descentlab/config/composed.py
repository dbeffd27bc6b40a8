"""The composed config of one run: Hydra's result without the node of Hydra itself, and the name of the run's problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from descentlab.config.resolve import OWN_FILES
from descentlab.errors import UsageError

OWN_DATA = tuple(f"data.{key}" for key in OWN_FILES)


@dataclass(frozen=True)
class Composed:
    """A config composed by Hydra, with the option chosen in each group and the overrides of the run."""

    config: DictConfig
    choices: Mapping[str, str]
    overrides: Sequence[str]


def without_hydra(config: DictConfig, overrides: Sequence[str]) -> Composed:
    """Return the run that Hydra composed as `config`, without the node `hydra`, which is deleted from `config`."""
    choices: dict[str, str] = dict(config.hydra.runtime.choices)
    with read_write(config), open_dict(config):
        del config["hydra"]
    return as_composed(config, choices, overrides)


def as_composed(config: DictConfig, choices: Mapping[str, str], overrides: Sequence[str]) -> Composed:
    """Return a run with the name of its problem among its choices.

    A run on data other than its problem's is a different problem, named after the data. The target, which was chosen for the
    problem's own data, is then removed unless the overrides set it.
    """
    given = {override.lstrip("+").partition("=")[0] for override in overrides}
    if not given & {"data", *OWN_DATA}:
        problem = choices.get("problem") or choices.get("data")
        return Composed(config, {**choices, "problem": problem} if problem else choices, overrides)
    if "data" in given and "target" not in given:
        with read_write(config), open_dict(config):
            config.target = None
    return Composed(config, {**choices, "problem": _name_of_data(config, choices, given)}, overrides)


def _name_of_data(config: DictConfig, choices: Mapping[str, str], given: Set[str]) -> str:
    """Return houses.csv for a file, OWNER/NAME for a data set of a hub, and otherwise the option of the data group."""
    for key in OWN_DATA:
        own = OmegaConf.select(config, key, default=None)
        if key in given and isinstance(own, str):
            return own if key == "data.hub" else Path(own).name
    return str(choices.get("data"))


def format_config(run: Composed, package: str | None, resolve: bool) -> str:
    """Return the config of a run as YAML; only one node of it if `package` names one.

    Raises:
        UsageError: the config has no node of this name.
    """
    node = OmegaConf.select(run.config, package) if package and package != "_global_" else run.config
    if node is None:
        raise UsageError(f"--package={package}: the config has no node of this name")
    return OmegaConf.to_yaml(node, resolve=resolve) if OmegaConf.is_config(node) else f"{node}\n"
