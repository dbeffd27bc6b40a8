"""Composes the runs of a sweep: by Hydra once for each choice of groups, then by Hydra's own function for the values."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from descentlab.messages import COMPOSITION_ERRORS, UsageError, explain


@dataclass(frozen=True)
class Composed:
    """A config as Hydra composed it, the option chosen in each group, and the overrides that led to it."""

    config: DictConfig
    choices: Mapping[str, str]
    overrides: Sequence[str]


def compose_all(loader: ConfigLoader, master: DictConfig, jobs: Sequence[Sequence[str]]) -> Iterator[Composed]:
    """The runs of a sweep, each composed when it is asked for: a thousand configs at a time would fill 50 MB.

    Args:
        loader: Hydra's, set up by the command.
        master: the config that Hydra composed before it looked at the runs; it holds the overrides of Hydra itself.
        jobs: the overrides of each run.

    Raises:
        UsageError: after the last run; names the mistakes of all.
    """
    composer = Composer(loader, master)
    mistakes = [] if jobs else ["the sweep is empty: some key has no values"]
    for overrides in jobs:
        try:
            composed = composer.compose(overrides)
        except COMPOSITION_ERRORS as error:
            mistakes.append(explain(error, overrides))
        else:
            yield composed
    refuse(mistakes)


def compose_here(conf_dir: Path, *overrides: str) -> Composed:
    """A config composed in Python, without a command line: compose_here(Path("conf"), "optimizer=sgd")."""
    with hydra.initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        return _without_hydra(hydra.compose("train", list(overrides), return_hydra_config=True), overrides)


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
    in order. Neither step looks at the other's overrides. A run that might depend on Hydra's own node, which the copies
    lack, is left to Hydra.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        assert isinstance(loader, ConfigLoaderImpl)
        self.loader, self.master = loader, master
        self.name: str = master.hydra.job.config_name
        self.hydra_overrides: list[str] = list(master.hydra.overrides.hydra)
        self.repository = loader._parse_overrides_and_create_caching_repo(self.name, self.hydra_overrides)[1]
        self.parser = OverridesParser.create()
        self.parsed: dict[str, Override | None] = {}
        self.groups: dict[str, bool] = {}
        self.bases: dict[tuple[str, ...], _Base | Exception | None] = {}

    def compose(self, overrides: Sequence[str]) -> Composed:
        """The config of the run that `overrides` describe; raises what Hydra would raise."""
        parsed = [self._parse(line) for line in overrides]
        known = [override for override in parsed if override is not None]
        base = self._base([o for o in known if not self._sets_a_value(o)]) if len(known) == len(parsed) else None
        if base is None:
            return _without_hydra(self.loader.load_sweep_config(self.master, list(overrides)), overrides)
        config: DictConfig = pickle.loads(base.pickled)
        ConfigLoaderImpl._apply_overrides_to_config([o for o in known if self._sets_a_value(o)], config)
        OmegaConf.copy_cache(from_config=self.master, to_config=config)
        return Composed(config, dict(base.choices), overrides)

    def _parse(self, line: str) -> Override | None:
        """`line` in parts; None if it cannot be read or concerns Hydra itself."""
        if line not in self.parsed:
            self.parsed[line] = self._parse_anew(line)
        return self.parsed[line]

    def _parse_anew(self, line: str) -> Override | None:
        try:
            override = self.parser.parse_override(line)
        except HydraException:
            return None
        own_key = override.key_or_group.replace("/", ".").split(".")[0] == "hydra"
        return None if own_key or ("${" in line and "hydra" in line) else override

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
        base = _without_hydra(config, lines)
        if "hydra" in OmegaConf.to_yaml(base.config):  # perhaps ${hydra...}
            return None
        try:
            return _Base(pickle.dumps(base.config), base.choices)
        except (pickle.PicklingError, AttributeError, TypeError):  # a class of somebody's in a structured config
            return None


def _without_hydra(config: DictConfig, overrides: Sequence[str]) -> Composed:
    choices: dict[str, str] = dict(config.hydra.runtime.choices)
    with read_write(config), open_dict(config):
        del config["hydra"]
    return as_composed(config, choices, overrides)


def as_composed(config: DictConfig, choices: Mapping[str, str], overrides: Sequence[str]) -> Composed:
    """A run as Hydra composed it; on other data than its problem's it is another problem, for which the target was not made."""
    given = {override.lstrip("+").partition("=")[0] for override in overrides}
    if "data" not in given:
        return Composed(config, choices, overrides)
    if "target" not in given:
        with read_write(config), open_dict(config):
            config.target = None
    return Composed(config, {**choices, "problem": choices["data"]}, overrides)
