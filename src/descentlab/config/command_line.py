"""Parses a command line into the runs that it describes: the overrides of each, and the launcher that all share.

Hydra parses each word once. A swept word becomes one override a value, as the parser returned it, so a value keeps its quotes
and its type under -m.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, OverrideType, Sweep, Transformer, ValueType
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from descentlab.config.compose import Composed, Composer, check_unused, compose_all, composing, is_of_hydra
from descentlab.config.identity import NOT_OF_DATA
from descentlab.errors import UsageError, nearest
from descentlab.store.record import NOT_IDENTITY

HYDRA_VERSION = "1.3"
SWEEPER = "descentlab.config.command_line.Command"
# The words about Hydra itself that have an effect here; Hydra's own folders, logging and job settings have none.
OWN_SOURCES = ("hydra", "main", "schema")  # of configs: Hydra's and descentlab's
USED = ("hydra/launcher", "hydra/sweeper", "hydra.searchpath")
SEVERAL = ("callbacks",)  # groups of which a run may have several options: callbacks=[lr_monitor,device_stats]
USED_BELOW = ("hydra.launcher.", "hydra.sweeper.params")
INSTEAD = {"hydra.run.dir": "output_dir", "hydra.sweep.dir": "output_dir", "hydra.sweep.subdir": "sweep"}


@contextmanager
def config_loader(conf_dir: Path, config_dir: str | None = None) -> Iterator[ConfigLoaderImpl]:
    """Hydra's loader of the config groups in `conf_dir` and, where it is given, in a user's `config_dir`.

    Raises:
        UsageError: `config_dir` is no folder, or holds a file that descentlab's file of the same name would hide.
    """
    version.setbase(HYDRA_VERSION)
    search_path = create_config_search_path(str(conf_dir))
    if config_dir is not None:
        if not config_dir:
            raise UsageError("--config-dir is empty: name a folder")
        added = Path(config_dir).expanduser().resolve()
        _check_added(added, conf_dir)
        search_path.prepend("command-line", f"file://{added}", SearchPathQuery(provider="schema"))
    Hydra.create_main_hydra2("train", search_path)
    try:
        loader = GlobalHydra.instance().config_loader()
        assert isinstance(loader, ConfigLoaderImpl)
        yield loader
    finally:
        GlobalHydra.instance().clear()


def _check_added(added: Path, conf_dir: Path) -> None:
    if not added.is_dir():
        raise UsageError(f"--config-dir: there is no folder {added}")
    hidden = [path for file in sorted(conf_dir.rglob("*.yaml")) if (added / (path := file.relative_to(conf_dir))).exists()]
    if hidden and added != conf_dir:
        raise UsageError(f"--config-dir: descentlab has a {hidden[0]} too, which would be used instead: rename yours")


class Command:
    """The runs that a command line describes.

    Args:
        loader: of the config groups.
        words: the overrides as typed, key=value.
        multirun: whether words may give several values (-m); each combination of them is a run.
        config_name: the primary config.

    Raises:
        UsageError: a word has no effect, is given twice, or names a launcher or sweeper that is not descentlab's.
        HydraException, OmegaConfBaseException: a word cannot be parsed, or the config groups cannot be composed.
    """

    def __init__(self, loader: ConfigLoaderImpl, words: Sequence[str], multirun: bool, config_name: str = "train") -> None:
        self.loader = loader
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
        of_hydra = [override for override in parsed if is_of_hydra(override)]
        _check_used(of_hydra)
        lines = [str(override.input_line) for override in of_hydra]
        self.repository = loader._parse_overrides_and_create_caching_repo(config_name, lines)[1]
        overrides = [override for override in parsed if override not in of_hydra]
        chosen = [o for o in map(self._as_option, overrides) if not o.is_sweep_override() and self._names_group(o)]
        lines += [str(o.input_line) for o in chosen if not o.is_delete()]
        _check_searchpath(of_hydra)
        with composing():
            self.master: DictConfig = loader.load_configuration(config_name, lines, RunMode.MULTIRUN)
        self._check_overridden()
        self._check_plugins()
        if any(source.provider not in OWN_SOURCES for source in self.repository.get_sources()):
            alone = [str(override.input_line) for override in of_hydra]
            usual = loader.load_configuration(config_name, alone, RunMode.MULTIRUN)
            check_unused(self.master, usual, "a file of --config-dir")
        given = {override.get_key_element().lstrip("+") for override in overrides}
        self.overrides = [*(param for param in self._params() if param.get_key_element() not in given), *overrides]
        _check_repeated(self.overrides)
        several = [override for override in self.overrides if override.is_sweep_override()]
        if several and not multirun:
            word = several[0].input_line
            raise UsageError(f"{word}: several values make a sweep: add -m, as in python train.py -m {word}")
        _check_swept(several)

    @property
    def launcher(self) -> Mapping[str, Any]:
        """The node of hydra/launcher: the class that runs are started by, and its settings."""
        node = OmegaConf.to_container(self.master.hydra.launcher, resolve=True)
        assert isinstance(node, dict)
        return {str(key): value for key, value in node.items()}

    def runs(self) -> Iterator[Composed]:
        """Compose the runs, each when it is asked for.

        Raises:
            UsageError: after the last run; names the mistakes of all.
        """
        jobs = itertools.product(*map(self._values, self.overrides))
        return compose_all(Composer(self.loader, self.master), jobs)

    def _names_group(self, override: Override) -> bool:
        return self.repository.group_exists(override.key_or_group) and not isinstance(override.value(), dict)

    def _params(self) -> list[Override]:
        """The overrides that hydra.sweeper.params holds: a sweep written in a file."""
        params = self.master.hydra.sweeper.get("params") or {}
        if not OmegaConf.is_dict(params) and params:
            raise UsageError(f"hydra.sweeper.params={params}: it is a mapping, as {{optimizer.lr: '0.1,0.01'}}")
        return OverridesParser.create(config_loader=self.loader).parse_overrides([f"{k}={v}" for k, v in params.items()])

    def _values(self, override: Override) -> list[Override]:
        """`override`, or one for each of its values."""
        if not override.is_sweep_override():
            return [self._as_option(override)]
        if not override.is_discrete_sweep():
            raise UsageError(f"{override.input_line}: a grid needs single values, as {override.key_or_group}=1,2 or =range(3)")
        if isinstance(override._value, Glob):
            values: Sequence[Any] = self._matching(override.key_or_group, override._value)
        else:
            values = list(override.sweep_iterator())
        key = override.get_key_element()
        lines = [f"{key}={Transformer.str(value)}" for value in values]
        each = [
            replace(override, value_type=ValueType.ELEMENT, _value=value, input_line=line)
            for value, line in zip(values, lines, strict=True)
        ]
        return [self._as_option(one) for one in each]

    def _as_option(self, override: Override) -> Override:
        """A group's option null takes no file of it; one typed as a number is a name. Hydra takes neither."""
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
            return replace(override, type=OverrideType.DEL, input_line=f"~{key.lstrip('+')}")
        return replace(override, _value=typed, input_line=f"{key}='{typed}'")

    def _matching(self, group: str, glob: Glob) -> list[str]:
        """The options of `group`, those of its folders included, that match `glob`; not those that leave a value open (???)."""
        deep = any("/" in pattern for pattern in glob.include)
        names = [name for name in options(self.loader, group) if deep or "/" not in name]
        return [name for name in glob.filter(names) if not self._is_open(f"{group}/{name}")]

    def _is_open(self, config_path: str) -> bool:
        found = self.repository.load_config(config_path)
        return found is not None and isinstance(found.config, DictConfig) and bool(OmegaConf.missing_keys(found.config))

    def _check_overridden(self) -> None:
        """An option's file may not override Hydra's own groups: conf/train.yaml does, and Hydra keeps the first override."""
        chosen = [f"{group}/{option}" for group, option in self.master.hydra.runtime.choices.items() if "hydra" not in group]
        for path in chosen:
            found = self.repository.load_config(path)
            for default in (found and found.defaults_list) or []:
                named = str(getattr(default, "group", "")).lstrip("/")
                if named.startswith("hydra/"):
                    raise UsageError(f"{path}.yaml overrides {named}, without effect: give {named}=... on the command line")

    def _check_plugins(self) -> None:
        """Hydra's other launchers and sweepers know nothing of runs, records and reports."""
        hydra = self.master.hydra
        for node, target in (("launcher", None), ("sweeper", SWEEPER)):
            found = hydra[node].get("_target_") if OmegaConf.is_dict(hydra[node]) else None
            if found is None or found.startswith("hydra") or (target is not None and found != target):
                known = [name for name in options(self.loader, f"hydra/{node}") if self._is_ours(f"hydra/{node}/{name}")]
                raise UsageError(
                    f"hydra/{node}={hydra.runtime.choices.get(f'hydra/{node}')} is not a {node} of descentlab, "
                    f"which has {', '.join(known)}"
                )

    def _is_ours(self, config_path: str) -> bool:
        found = self.repository.load_config(config_path)
        target = OmegaConf.select(found.config, "_target_") if found is not None else None
        return str(target).startswith("descentlab.")


def options(loader: ConfigLoaderImpl, group: str) -> list[str]:
    """The options of a config group, those of its folders included: adam, scratch/adam."""
    names = loader.get_group_options(group, ObjectType.CONFIG)
    below = [f"{folder}/{name}" for folder in loader.list_groups(group) for name in options(loader, f"{group}/{folder}")]
    return [*names, *below]


def _check_used(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.key_or_group
        if override.is_delete() or (key not in USED and not key.startswith(USED_BELOW)):
            instead = f": {INSTEAD[key]}=..." if key in INSTEAD else "" if key == "hydra" else nearest(key, USED)
            raise UsageError(f"{override.input_line}: descentlab does not use {key}{instead}")
        if override.is_sweep_override():
            raise UsageError(f"{override.input_line}: a command has one {key}: give it one value")


def _check_repeated(overrides: Sequence[Override]) -> None:
    """Mappings of one key are merged in order, as in 'clip={norm: 1}' 'clip={value: 1}'; any other value would be dropped."""
    seen: dict[str, Override] = {}
    for override in overrides:
        key = override.get_key_element().lstrip("+")
        if isinstance(override.value(), dict):
            continue
        if key in seen:
            raise UsageError(f"{key} is given twice: {seen[key].input_line} and {override.input_line}")
        seen[key] = override


def _check_swept(overrides: Sequence[Override]) -> None:
    for override in overrides:
        key = override.key_or_group
        top, _, below = key.partition(".")
        if top in NOT_IDENTITY or (top == "data" and below in NOT_OF_DATA):
            raise UsageError(f"{override.input_line} cannot be swept: {key} changes no result; give it one value")


def _check_searchpath(overrides: Sequence[Override]) -> None:
    for override in overrides:
        paths = override.value() if override.key_or_group == "hydra.searchpath" else None
        for path in paths if isinstance(paths, list) else []:
            folder = Path(str(path).removeprefix("file://")).expanduser()
            if not str(path).startswith("pkg://") and not folder.is_dir():
                raise UsageError(f"hydra.searchpath: there is no folder {folder}")
