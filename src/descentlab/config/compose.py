"""Composes the runs of a sweep: by Hydra once for each choice of groups, then by Hydra's own function for the values."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import hydra
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from descentlab.config.explain import COMPOSITION_ERRORS, explain
from descentlab.config.resolve import OWN_FILES
from descentlab.errors import UsageError, describe_error

OWN_DATA = tuple(f"data.{key}" for key in OWN_FILES)
# Nodes of Hydra's own that a user's file may set, without effect; and what has that effect.
INSTEAD = {"run": ": set output_dir", "sweep": ": set output_dir"}
HEEDED = (
    "launcher",
    "sweeper",
    "searchpath",
    "runtime",
    "overrides",
    "env",
)  # nodes of Hydra's own that have an effect, or report
REPORTED = ("name", "override_dirname", "config_name", "num", "id")  # keys of hydra.job that report


@dataclass(frozen=True)
class Composed:
    """A config as Hydra composed it, the option chosen in each group, and the overrides that led to it."""

    config: DictConfig
    choices: Mapping[str, str]
    overrides: Sequence[str]


def compose_all(composer: Composer, jobs: Iterable[Sequence[Override]]) -> Iterator[Composed]:
    """Compose each run when it is asked for: a thousand configs at a time would fill 50 MB.

    Args:
        composer: of the command.
        jobs: the overrides of each run.

    Raises:
        UsageError: after the last run; names the mistakes of all.
    """
    mistakes: list[str] = []
    empty = True
    for overrides in jobs:
        empty = False
        try:
            with composing():
                composed = composer.compose(overrides)
        except COMPOSITION_ERRORS as error:
            mistakes.append(explain(error, _lines(overrides)))
        except UsageError as error:
            mistakes.append(str(error))
        else:
            yield composed
    refuse(["the sweep is empty: some key has no values"] if empty else mistakes)


def compose_here(conf_dir: Path, *overrides: str) -> Composed:
    """A config composed in Python, without a command line: compose_here(Path("conf"), "optimizer=sgd")."""
    with hydra.initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        return without_hydra(hydra.compose("train", list(overrides), return_hydra_config=True), overrides)


def format_config(run: Composed, package: str | None, resolve: bool) -> str:
    """Return the config of a run as YAML; of one node of it if `package` names it.

    Raises:
        UsageError: there is no such node.
    """
    node = OmegaConf.select(run.config, package) if package and package != "_global_" else run.config
    if node is None:
        raise UsageError(f"--package={package}: there is no such node")
    return OmegaConf.to_yaml(node, resolve=resolve) if OmegaConf.is_config(node) else f"{node}\n"


def refuse(mistakes: Sequence[str]) -> None:
    """Raise UsageError if there are mistakes; one screen of them, each once."""
    distinct = list(dict.fromkeys(mistakes))
    if distinct:
        more = f"\n... and {len(distinct) - 10} more" if len(distinct) > 10 else ""
        raise UsageError("\n".join(distinct[:10]) + more + "\nNothing was started.")


@dataclass(frozen=True)
class _Base:
    """What Hydra made of a choice of groups: the pickled config before any value is set (unpickling is the fastest copy)."""

    pickled: bytes
    choices: Mapping[str, str]


class Composer:
    """Composes one run after the other, each as Hydra would, but each choice of groups only once (60 ms; a copy: 1 ms).

    Hydra composes in two steps: the overrides that name a group decide which files are merged, then the others set values,
    in order. Neither step looks at the other's overrides. A run whose config refers to Hydra's own node, which the copies
    lack, is left to Hydra.

    Args:
        loader: of the config groups.
        master: the config that Hydra composed for the command; its overrides of Hydra itself apply to every run.
    """

    def __init__(self, loader: ConfigLoaderImpl, master: DictConfig) -> None:
        self.loader, self.master = loader, master
        self.name: str = master.hydra.job.config_name
        self.hydra_overrides: list[str] = list(master.hydra.overrides.hydra)
        self.repository = loader._parse_overrides_and_create_caching_repo(self.name, self.hydra_overrides)[1]
        self.groups: dict[str, bool] = {}
        self.bases: dict[tuple[str, ...], _Base | Exception | None] = {}

    def compose(self, overrides: Sequence[Override]) -> Composed:
        """Return the config of the run that `overrides` describe; raises what Hydra would raise."""
        values = [override for override in overrides if self._sets_a_value(override)]
        base = None if any(map(_refers_to_hydra, overrides)) else self._base([o for o in overrides if o not in values])
        lines = _lines(overrides)
        if base is None:
            return self._without_hydra(self.loader.load_sweep_config(self.master, lines), lines)
        config: DictConfig = pickle.loads(base.pickled)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        OmegaConf.copy_cache(from_config=self.master, to_config=config)
        return as_composed(config, base.choices, lines)

    def _sets_a_value(self, override: Override) -> bool:
        """Whether `override` waits until the files are merged, by Hydra's rule (hydra._internal.defaults_list.Overrides)."""
        key = override.key_or_group
        if key not in self.groups:
            self.groups[key] = self.repository.group_exists(key)
        sweep = override.is_sweep_override()  # an error, which Hydra finds before it merges
        return not sweep and (isinstance(override.value(), dict) or not self.groups[key])

    def _base(self, choice: Sequence[Override]) -> _Base | None:
        """What all runs with this choice of groups start from; None if Hydra must compose each of them itself."""
        lines = tuple(str(override.input_line) for override in choice)
        if lines not in self.bases:
            try:
                self.bases[lines] = self._compose_base(lines)
            except COMPOSITION_ERRORS as error:
                self.bases[lines] = error
        base = self.bases[lines]
        if isinstance(base, Exception):
            raise base
        return base

    def _compose_base(self, lines: Sequence[str]) -> _Base | None:
        config = self.loader.load_configuration(self.name, [*self.hydra_overrides, *lines], RunMode.RUN)
        base = self._without_hydra(config, lines)
        if "hydra" in OmegaConf.to_yaml(base.config):  # perhaps ${hydra...}
            return None
        try:
            return _Base(pickle.dumps(base.config), base.choices)
        except (pickle.PicklingError, AttributeError, TypeError):  # a class of somebody's in a structured config
            return None

    def _without_hydra(self, config: DictConfig, lines: Sequence[str]) -> Composed:
        """Check what the files of this run say of Hydra itself, and take it out."""
        for node in ("launcher", "sweeper"):
            if _plain(config)[node] != _plain(self.master)[node]:
                raise UsageError(f"hydra/{node}: all runs of a command have the same one, but {' '.join(lines)} has another")
        check_unused(config, self.master, f"a file of {' '.join(lines)}")
        return without_hydra(config, lines)


def check_unused(config: DictConfig, usual: DictConfig, where: str) -> None:
    """Check that `config` sets nothing about Hydra itself that `usual` does not, for it would have no effect.

    Raises:
        UsageError: it does.
    """
    before = _without_reports(usual)
    for key, value in _without_reports(config).items():
        if value != before.get(key):
            raise UsageError(f"hydra.{key} is set in {where}; descentlab does not use it{INSTEAD.get(key, '')}")


def _without_reports(config: DictConfig) -> dict[str, Any]:
    """The node of Hydra itself without what has an effect here, and without what it reports of the command."""
    plain = _plain(config)
    job = {key: value for key, value in plain["job"].items() if key not in REPORTED}
    return {key: value for key, value in plain.items() if key not in HEEDED} | {"job": job}


@contextmanager
def composing() -> Iterator[None]:
    """Turn what Hydra does not expect in a file, such as `defaults: adam`, into a message.

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


def _plain(config: DictConfig) -> dict[str, Any]:
    """The node of Hydra itself as it was written, interpolations included."""
    return cast(dict[str, Any], OmegaConf.to_container(config.hydra, resolve=False))


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]


def _refers_to_hydra(override: Override) -> bool:
    line = str(override.input_line)
    return is_of_hydra(override) or ("${" in line and "hydra" in line)


def is_of_hydra(override: Override) -> bool:
    """Whether `override` is about Hydra itself rather than a run."""
    return override.key_or_group.replace("/", ".").split(".")[0] == "hydra"


def without_hydra(config: DictConfig, overrides: Sequence[str]) -> Composed:
    """The run that Hydra composed as `config`, without the node of Hydra itself."""
    choices: dict[str, str] = dict(config.hydra.runtime.choices)
    with read_write(config), open_dict(config):
        del config["hydra"]
    return as_composed(config, choices, overrides)


def as_composed(config: DictConfig, choices: Mapping[str, str], overrides: Sequence[str]) -> Composed:
    """Return a run as Hydra composed it; on other data than its problem's it is another problem, without that one's target."""
    given = {override.lstrip("+").partition("=")[0] for override in overrides}
    if not given & {"data", *OWN_DATA}:
        problem = choices.get("problem") or choices.get("data")
        return Composed(config, {**choices, "problem": problem} if problem else choices, overrides)
    if "data" in given and "target" not in given:
        with read_write(config), open_dict(config):
            config.target = None
    return Composed(config, {**choices, "problem": _name_of_data(config, choices, given)}, overrides)


def _name_of_data(config: DictConfig, choices: Mapping[str, str], given: Set[str]) -> str:
    """The option of the data group; houses.csv, OWNER/NAME for a file or a data set of the hub that the command line names."""
    for key in OWN_DATA:
        own = OmegaConf.select(config, key, default=None)
        if key in given and isinstance(own, str):
            return own if key == "data.hub" else Path(own).name
    return str(choices.get("data"))
