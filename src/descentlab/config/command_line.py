"""Parse a command line into its runs, each a list of overrides, and the launcher that they share.

Hydra parses each word once. A swept word becomes one override per value, as the parser returned it, so that a value keeps its
quotes and its type under -m.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, OverrideType, Sweep, Transformer, ValueType
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from descentlab import compat
from descentlab.config.compose import Composer, compose_all
from descentlab.config.composed import Composed
from descentlab.config.explain import composition_errors
from descentlab.config.hydra_settings import check_files, check_overrides, check_searchpath, is_of_hydra
from descentlab.config.identity import NOT_OF_DATA
from descentlab.config.spaced import register_spacings
from descentlab.config.sweeper import GROUP, TARGETS, TUNER, abbreviated, check_settings, sweeper_of
from descentlab.errors import UsageError
from descentlab.store.record import NOT_IDENTITY

HYDRA_VERSION = "1.3"
OWN_SOURCES = ("hydra", "main", "schema")  # entries of Hydra's search path: Hydra's own files and descentlab's
ALIASES = {"lr=auto": "optimizer.lr=auto"}  # words that may be shortened
SEVERAL = ("diagnostics", "callbacks")  # groups of which a run may have several options: callbacks=[lr_monitor,device_stats]


class _ConfigDir(SearchPathPlugin):
    """Hydra plugin that adds the folder of --config-dir to the end of the search path."""

    folder: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if self.folder is not None:
            search_path.append("command-line", f"file://{self.folder}")


@contextmanager
def config_loader(conf_dir: Path, config_dir: str | None = None) -> Iterator[ConfigLoader]:
    """Provide Hydra's loader of the config groups in `conf_dir` and, if given, in a user's folder `config_dir`.

    Raises:
        UsageError: `config_dir` is not a folder, or contains a file with the name of one of descentlab's, which would hide it.
    """
    if config_dir is not None:
        _ConfigDir.folder = _checked_folder(config_dir, conf_dir)
        Plugins.instance().register(_ConfigDir)
    try:
        with hydra.initialize_config_dir(str(conf_dir.resolve()), job_name="train", version_base=HYDRA_VERSION):
            yield GlobalHydra.instance().config_loader()
    finally:
        _ConfigDir.folder = None


def _checked_folder(config_dir: str, conf_dir: Path) -> Path:
    if not config_dir:
        raise UsageError("--config-dir is empty: name a folder")
    added = Path(config_dir).expanduser().resolve()
    if not added.is_dir():
        raise UsageError(f"--config-dir: no such folder: {added}")
    hidden = [path for file in sorted(conf_dir.rglob("*.yaml")) if (added / (path := file.relative_to(conf_dir))).exists()]
    if hidden and added != conf_dir:
        raise UsageError(f"--config-dir: descentlab has a {hidden[0]} too, which would be used instead: rename yours")
    return added


class Command:
    """The runs of a command line.

    Args:
        loader: Hydra's loader of the config groups.
        words: the overrides as typed, key=value.
        multirun: True if words may give several values (-m); each combination of them is a run, or an arm of the tuner.
            The tuner does not require it.
        config_name: the primary config.

    Raises:
        UsageError: a word has no effect, is given twice, or names a launcher or sweeper that is not descentlab's.
        HydraException, OmegaConfBaseException: a word cannot be parsed, or the config groups cannot be composed.
    """

    def __init__(self, loader: ConfigLoader, words: Sequence[str], multirun: bool, config_name: str = "train") -> None:
        self.loader = loader
        parsed = self.parse([ALIASES.get(word, word) for word in words])
        of_hydra = [override for override in parsed if is_of_hydra(override)]
        check_overrides(of_hydra)
        overrides = [override for override in parsed if override not in of_hydra]
        self._compose_master(of_hydra, overrides, config_name)
        self._check_plugins()
        if short := abbreviated(overrides, self.master, self.repository, options(loader, GROUP)):
            full = self.parse([f"hydra.sweeper.{override.input_line}" for override in short])
            check_overrides(full)
            of_hydra, overrides = [*of_hydra, *full], [override for override in overrides if override not in short]
            _check_repeated(of_hydra)
            self._compose_master(of_hydra, overrides, config_name)
        check_settings(of_hydra, self.master, self.repository)
        given = {override.get_key_element().lstrip("+") for override in overrides}
        self.overrides = [*(param for param in self._params() if param.get_key_element() not in given), *overrides]
        _check_repeated(self.overrides)
        several = [override for override in self.overrides if override.is_sweep_override()]
        if several and not multirun and not self.is_tuner:
            word = several[0].input_line
            raise UsageError(f"{word}: several values make a sweep: add -m, as in python train.py -m {word}")
        _check_swept(several)

    def _compose_master(self, of_hydra: Sequence[Override], overrides: Sequence[Override], config_name: str) -> None:
        """Compose the config that all runs share, and check the settings of Hydra in its files."""
        lines = [str(override.input_line) for override in of_hydra]
        self.repository = compat.config_repository(self.loader, config_name, lines)
        single = [self._as_option(override) for override in overrides]
        chosen = [o for o in single if not o.is_sweep_override() and self._names_group(o) and not o.is_delete()]
        check_searchpath(of_hydra)
        with composition_errors():
            every = [*lines, *(str(option.input_line) for option in chosen)]
            self.master: DictConfig = self.loader.load_configuration(config_name, every, RunMode.MULTIRUN)
        self._check_overridden()
        if any(source.provider not in OWN_SOURCES for source in self.repository.get_sources()):
            usual = self.loader.load_configuration(config_name, lines, RunMode.MULTIRUN)
            check_files(self.master, usual, "a file of --config-dir")

    @property
    def launcher(self) -> Mapping[str, Any]:
        """The node hydra/launcher: the class that starts the runs, and its settings."""
        node = OmegaConf.to_container(self.master.hydra.launcher, resolve=True)
        assert isinstance(node, dict)
        return {str(key): value for key, value in node.items()}

    @property
    def sweeper(self) -> Mapping[str, Any]:
        """The node hydra/sweeper: the class that decides on the runs, and its settings."""
        return sweeper_of(self.master)

    @property
    def is_tuner(self) -> bool:
        """True if the sweeper tunes the hyperparameters of each combination of the swept values."""
        return self.sweeper["_target_"] == TUNER

    def runs(self) -> Iterator[Composed]:
        """Compose each run when it is requested.

        Raises:
            UsageError: after the last run; the message lists the mistakes of all runs.
        """
        return compose_all(self.composer, self.combinations())

    @cached_property
    def composer(self) -> Composer:
        """A composer of runs with the settings of Hydra that this command gives."""
        return Composer(self.loader, self.master)

    def parse(self, lines: Sequence[str]) -> list[Override]:
        """Return further overrides, for runs that the words of the command do not specify."""
        parser = register_spacings(OverridesParser.create(config_loader=self.loader))
        return parser.parse_overrides(list(lines))

    def combinations(self) -> Iterator[tuple[Override, ...]]:
        """Yield the overrides of each combination of the swept values."""
        return itertools.product(*self.options())

    def options(self) -> list[list[Override]]:
        """Return for each word of the command one override per value; one for a word that is not swept."""
        return [self._values(override) for override in self.overrides]

    @property
    def has_table(self) -> bool:
        """True if the command keeps its runs in one table (records=table) instead of a folder each."""
        return any(override.key_or_group == "records" and override.value() == "table" for override in self.overrides)

    def _names_group(self, override: Override) -> bool:
        return self.repository.group_exists(override.key_or_group) and not isinstance(override.value(), dict)

    def _params(self) -> list[Override]:
        """Return the overrides in hydra.sweeper.params: a sweep that a file defines."""
        params = self.master.hydra.sweeper.get("params") or {}
        if not OmegaConf.is_dict(params) and params:
            raise UsageError(f"hydra.sweeper.params={params}: it is a mapping, as {{optimizer.lr: '0.1,0.01'}}")
        return self.parse([f"{key}={value}" for key, value in params.items()])

    def _values(self, override: Override) -> list[Override]:
        """Return one override per value of `override`; `override` itself if it is not swept."""
        if not override.is_sweep_override():
            return [self._as_option(override)]
        if not override.is_discrete_sweep():
            raise UsageError(f"{override.input_line}: a grid needs single values, as {override.key_or_group}=1,2 or =range(3)")
        swept: Any = override.value()
        is_glob = isinstance(swept, Glob)
        values: list[Any] = self._matching(override.key_or_group, swept) if is_glob else list(override.sweep_iterator())
        key = override.get_key_element()
        lines = [f"{key}={Transformer.str(value)}" for value in values]
        pairs = zip(values, lines, strict=True)
        each = [compat.with_value(override, value, line, value_type=ValueType.ELEMENT) for value, line in pairs]
        return [self._as_option(one) for one in each]

    def _as_option(self, override: Override) -> Override:
        """Return the override of a group in a form that Hydra accepts: null deletes the choice, a number is a file's name."""
        value = override.value()
        if isinstance(value, list) and override.key_or_group in SEVERAL:
            return override
        if isinstance(value, list) and self._names_group(override):
            several = ",".join(map(str, value))
            raise UsageError(
                f"{override.key_or_group} takes one option; to compare several: -m {override.key_or_group}={several}"
            )
        if override.is_delete() or not self._names_group(override) or isinstance(value, str | Sweep):
            return override
        key, _, typed = str(override.input_line).partition("=")
        if value is None:
            return compat.with_value(override, value, f"~{key.lstrip('+')}", type=OverrideType.DEL)
        return compat.with_value(override, typed, f"{key}='{typed}'")

    def _matching(self, group: str, glob: Glob) -> list[str]:
        """Return the options of `group` that match `glob`, without those that have a mandatory value (???)."""
        deep = any("/" in pattern for pattern in glob.include)
        names = [name for name in options(self.loader, group) if deep or "/" not in name]
        return [name for name in glob.filter(names) if not self._is_open(f"{group}/{name}")]

    def _is_open(self, config_path: str) -> bool:
        found = self.repository.load_config(config_path)
        return found is not None and isinstance(found.config, DictConfig) and bool(OmegaConf.missing_keys(found.config))

    def _check_overridden(self) -> None:
        """Check that no option's file overrides Hydra's own groups: Hydra keeps the first override, that of train.yaml."""
        chosen = [f"{group}/{option}" for group, option in self.master.hydra.runtime.choices.items() if "hydra" not in group]
        for path in chosen:
            found = self.repository.load_config(path)
            for default in (found and found.defaults_list) or []:
                named = str(getattr(default, "group", "")).lstrip("/")
                if named.startswith("hydra/"):
                    raise UsageError(f"{path}.yaml overrides {named}, without effect: give {named}=... on the command line")

    def _check_plugins(self) -> None:
        """Check that launcher and sweeper are descentlab's; Hydra's other plugins do not produce records and reports."""
        node_of_hydra = self.master.hydra
        for node, targets in (("launcher", None), ("sweeper", TARGETS)):
            found = node_of_hydra[node].get("_target_") if OmegaConf.is_dict(node_of_hydra[node]) else None
            if found is None or found.startswith("hydra") or (targets is not None and found not in targets):
                known = [name for name in options(self.loader, f"hydra/{node}") if self._is_ours(f"hydra/{node}/{name}")]
                raise UsageError(
                    f"hydra/{node}={node_of_hydra.runtime.choices.get(f'hydra/{node}')} is not a {node} of descentlab, "
                    f"which has {', '.join(known)}"
                )

    def _is_ours(self, config_path: str) -> bool:
        found = self.repository.load_config(config_path)
        target = OmegaConf.select(found.config, "_target_") if found is not None else None
        return str(target).startswith("descentlab.")


def options(loader: ConfigLoader, group: str) -> list[str]:
    """Return the options of a config group, including those in its folders: adam, scratch/adam."""
    names = loader.get_group_options(group, ObjectType.CONFIG)
    below = [f"{folder}/{name}" for folder in loader.list_groups(group) for name in options(loader, f"{group}/{folder}")]
    return [*names, *below]


def _check_repeated(overrides: Sequence[Override]) -> None:
    """Check that no key is given twice, except for mappings, which are merged: 'clip={norm: 1}' 'clip={value: 1}'."""
    seen: dict[str, Override] = {}
    for override in overrides:
        key = override.get_key_element().lstrip("+")
        if isinstance(override.value(), dict):
            continue
        if key in seen:
            raise UsageError(f"{key} is given twice: {seen[key].input_line} and {override.input_line}; leave one of them out")
        seen[key] = override


def _check_swept(overrides: Sequence[Override]) -> None:
    """Check that no key is swept that is not part of a run's identity: its values would be the same run."""
    for override in overrides:
        key = override.key_or_group
        top, _, below = key.partition(".")
        if top == "search":
            raise UsageError(
                f"{override.input_line} cannot be swept: a command has one range of {key} for all its arms; to compare two "
                f"ranges, give each to a command with {GROUP}=tune and the same sweep=NAME"
            )
        if top in NOT_IDENTITY or (top == "data" and below in NOT_OF_DATA):
            raise UsageError(f"{override.input_line} cannot be swept: {key} changes no result; give it one value")
