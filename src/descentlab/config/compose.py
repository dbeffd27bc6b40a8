"""Compose the runs of a sweep: Hydra composes each choice of groups once, and a copy of it takes the values of each run."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from descentlab import compat
from descentlab.config.composed import Composed, as_composed, without_hydra
from descentlab.config.explain import COMPOSITION_ERRORS, composition_errors, explain
from descentlab.config.hydra_settings import check_files, hydra_node, is_of_hydra
from descentlab.errors import UsageError

MESSAGES = 10  # maximum number of a sweep's mistakes that are shown


def compose_all(composer: Composer, jobs: Iterable[Sequence[Override]]) -> Iterator[Composed]:
    """Yield the composed runs one at a time, since the configs of a thousand runs take 50 MB of memory.

    Args:
        composer: the command's composer.
        jobs: the overrides of each run.

    Raises:
        UsageError: after the last run; the message lists the mistakes of all runs.
    """
    mistakes: list[str] = []
    empty = True
    for overrides in jobs:
        empty = False
        try:
            with composition_errors():
                composed = composer.compose(overrides)
        except COMPOSITION_ERRORS as error:
            mistakes.append(explain(error, _lines(overrides)))
        except UsageError as error:
            mistakes.append(str(error))
        else:
            yield composed
    refuse(["the sweep is empty: some key has no values"] if empty else mistakes)


def compose_here(conf_dir: Path, *overrides: str) -> Composed:
    """Return a config composed from Python, without a command line: compose_here(Path("conf"), "optimizer=sgd")."""
    with hydra.initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        return without_hydra(hydra.compose("train", list(overrides), return_hydra_config=True), overrides)


def refuse(mistakes: Sequence[str]) -> None:
    """Raise a UsageError that lists the distinct mistakes, at most ten of them; return if there are none."""
    distinct = list(dict.fromkeys(mistakes))
    if distinct:
        more = f"\n... and {len(distinct) - MESSAGES} more" if len(distinct) > MESSAGES else ""
        raise UsageError("\n".join(distinct[:MESSAGES]) + more + "\nNothing was started.")


@dataclass(frozen=True)
class _Base:
    """The config of one choice of groups, before values are set. It is pickled, because unpickling is the fastest copy."""

    pickled: bytes
    choices: Mapping[str, str]


class Composer:
    """Compose runs one at a time, with Hydra's result, but read the files of each choice of groups only once.

    Hydra composes in two steps: overrides that name a group decide which files are merged, then the other overrides set
    values, in order. Neither step depends on the overrides of the other. Composing a choice takes 60 ms, copying it 1 ms.
    Hydra itself composes a run whose config refers to the node `hydra`, which the copies lack, and every run if the
    installed version of Hydra offers no way to set values afterwards (`compat.value_setter`).

    Args:
        loader: Hydra's loader of the config groups.
        master: the config that Hydra composed for the command; its overrides of Hydra itself apply to every run.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self.loader, self.master = loader, master
        self.name: str = master.hydra.job.config_name
        self.hydra_overrides: list[str] = list(master.hydra.overrides.hydra)
        self.repository = compat.config_repository(loader, self.name, self.hydra_overrides)
        self.set_values = compat.value_setter()
        self.groups: dict[str, bool] = {}
        self.bases: dict[tuple[str, ...], _Base | Exception | None] = {}

    def compose(self, overrides: Sequence[Override]) -> Composed:
        """Return the config of the run with `overrides`; raises the errors that Hydra raises."""
        values = [override for override in overrides if self._sets_a_value(override)]
        lines = _lines(overrides)
        copied = self.set_values is not None and not any(map(_refers_to_hydra, overrides))
        base = self._base([override for override in overrides if override not in values]) if copied else None
        if base is None or self.set_values is None:
            return self._without_hydra(self.loader.load_sweep_config(self.master, lines), lines)
        config: DictConfig = pickle.loads(base.pickled)
        self.set_values(values, config)
        OmegaConf.copy_cache(from_config=self.master, to_config=config)
        return as_composed(config, base.choices, lines)

    def _sets_a_value(self, override: Override) -> bool:
        """Return True if Hydra applies `override` after merging the files (the rule of its defaults_list.Overrides)."""
        key = override.key_or_group
        if key not in self.groups:
            self.groups[key] = self.repository.group_exists(key)
        sweep = override.is_sweep_override()  # a sweep override, which is an error that Hydra reports before merging
        return not sweep and (isinstance(override.value(), dict) or not self.groups[key])

    def _base(self, choice: Sequence[Override]) -> _Base | None:
        """Return the config that all runs with this choice of groups start from; None if Hydra must compose each of them."""
        lines = tuple(_lines(choice))
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
        if "hydra" in OmegaConf.to_yaml(base.config):  # it may refer to ${hydra...}
            return None
        try:
            return _Base(pickle.dumps(base.config), base.choices)
        except (pickle.PicklingError, AttributeError, TypeError):  # a structured config of a user's class
            return None

    def _without_hydra(self, config: DictConfig, lines: Sequence[str]) -> Composed:
        """Check the settings of Hydra itself in the files of this run, and remove them."""
        for node in ("launcher", "sweeper"):
            if hydra_node(config)[node] != hydra_node(self.master)[node]:
                raise UsageError(f"hydra/{node}: all runs of a command have the same one, but {' '.join(lines)} has another")
        check_files(config, self.master, f"a file of {' '.join(lines)}")
        return without_hydra(config, lines)


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]


def _refers_to_hydra(override: Override) -> bool:
    line = str(override.input_line)
    return is_of_hydra(override) or ("${" in line and "hydra" in line)
