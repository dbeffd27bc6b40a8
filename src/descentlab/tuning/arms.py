"""The arms of a command: each combination of its swept values, with the search space of its optimizer."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Override

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all, refuse
from descentlab.config.composed import Composed
from descentlab.config.identity import run_id
from descentlab.config.search import Interval, Range, search_space
from descentlab.errors import format_value
from descentlab.store.job import short_hash
from descentlab.store.manifest import Arm
from descentlab.store.record import NOT_IDENTITY
from descentlab.sweeps.launch import validated
from descentlab.sweeps.plan import as_file_name
from descentlab.tuning.settings import Settings


@dataclass(frozen=True)
class Definition:
    """An arm as the command specifies it.

    Attributes:
        id, name, problem, optimizer: as in store.manifest.Arm.
        overrides: the overrides of the command for this arm.
        config: the resolved config with the default settings.
        space: dotted config key -> its range.
    """

    id: str
    name: str
    problem: str
    optimizer: str
    overrides: Sequence[Override]
    config: Mapping[str, Any]
    space: Mapping[str, Range]

    @property
    def lines(self) -> list[str]:
        """The overrides as text."""
        return [str(override.input_line) for override in self.overrides]

    def arm(self) -> Arm:
        """Return the arm's entry in the manifest, without runs, and without overrides that change neither runs nor trials."""
        unused = NOT_IDENTITY - {"search"}
        overrides = [line for line in self.lines if _key(line).partition(".")[0] not in unused]
        return Arm(self.name, self.problem, self.optimizer, overrides, dict(self.config["search"]), id=self.id)


def define_arms(command: Command) -> list[Definition]:
    """Return the arms of a command. Combinations that lead to the same config and search space are one arm.

    Raises:
        UsageError: a config is not valid, has no search space, or an override sets a seed or a key that is tuned.
    """
    combinations = list(command.combinations())
    refuse(list(_seeds_given(combinations)))
    composed = list(compose_all(command.composer, combinations))
    configs = validated(composed)
    refuse([line for run, config in zip(composed, configs, strict=True) for line in _without_space(run, config)])
    found: dict[str, Definition] = {}
    for overrides, run, config in zip(combinations, composed, configs, strict=True):
        definition = _define(overrides, run, config)
        found.setdefault(definition.id, definition)
    refuse([line for arm in found.values() for line in _tuned_keys_given(arm)])
    names = [arm.name for arm in name_arms([definition.arm() for definition in found.values()])]
    return [replace(definition, name=name) for definition, name in zip(found.values(), names, strict=True)]


def _define(overrides: Sequence[Override], run: Composed, config: dict[str, Any]) -> Definition:
    optimizer, problem = str(run.choices["optimizer"]), str(run.choices["problem"])
    space = search_space(config)
    return Definition(_identity(config, space), optimizer, problem, optimizer, overrides, config, space)


def _identity(config: Mapping[str, Any], space: Mapping[str, Range]) -> str:
    """Return ten hexadecimal digits that identify an arm: the run with its default settings, and its search space.

    The order of the keys of the space is a part of the identity, because it assigns them to the sampler's coordinates.
    """
    ranges = [
        [key, float(each.low), float(each.high), each.log, each.integer] if isinstance(each, Interval) else [key, each.options]
        for key, each in space.items()
    ]
    return hashlib.sha256(json.dumps([run_id(config), ranges]).encode()).hexdigest()[:10]


def name_arms(arms: Sequence[Arm]) -> list[Arm]:
    """Return the arms with names that are distinct within each problem.

    A name is the optimizer, followed by the overrides that not all of `arms` share. Overrides of ranges are added where arms
    have the same name otherwise, and the arm's id where that is not enough.
    """
    words = [[line.lstrip("+") for line in arm.overrides] for arm in arms]
    shared = set(words[0]).intersection(*words) if words else set[str]()
    own = [[word for word in each if word not in shared] for each in words]
    main = [[word for word in each if _key(word) not in ("optimizer", "problem") and not _is_range(word)] for each in own]
    ranges = [[word for word in each if _is_range(word)] for each in own]
    named = [replace(arm, name=" ".join([arm.optimizer, *more])) for arm, more in zip(arms, main, strict=True)]
    for suffixes in (ranges, [[arm.id] for arm in arms]):
        counts = Counter((arm.problem, arm.name) for arm in named)
        named = [
            replace(arm, name=" ".join([arm.name, *more])) if counts[arm.problem, arm.name] > 1 else arm
            for arm, more in zip(named, suffixes, strict=True)
        ]
    return named


def _is_range(line: str) -> bool:
    """Return True if an override given as text changes the search space."""
    return _key(line).partition(".")[0] == "search"


def _key(line: str) -> str:
    """Return the key of an override given as text."""
    return line.lstrip("+~").partition("=")[0]


def sweep_name(arms: Sequence[Definition], settings: Settings) -> str:
    """Return the name of the sweep: given as sweep=NAME, or the problem and a hash of the arms, their spaces and the sampler.

    Trials, seeds and cost limits are not hashed, so that a command with more of them extends the sweep.
    """
    if given := arms[0].config["sweep"]:
        return str(given)
    each = sorted([run_id(arm.config), json.dumps(arm.config["search"])] for arm in arms)
    hashed = short_hash(json.dumps([each, settings.sampler, settings.sampler_seed, settings.halving]))
    problems = list(dict.fromkeys(arm.problem for arm in arms))
    name = problems[0] if len(problems) == 1 else f"{len(problems)}-problems"
    return f"{as_file_name(name)}-tune-{hashed}"


def _seeds_given(combinations: Sequence[Sequence[Override]]) -> Iterator[str]:
    """Yield a message for each key of a seed that the tuner chooses and an override sets."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for override in (override for overrides in combinations for override in overrides):
        values[override.key_or_group].add(str(override.input_line))
    for key in ("seed", "data_seed"):
        if len(values[key]) > (key == "data_seed"):  # a single data_seed is the order of batches of all runs
            yield (
                f"{key} is set by the tuner: seeds=5 trains the selected settings and the default with the seeds 0 to 4, "
                "tuning_seeds=2 each trial with 1000 and 1001"
            )


def _without_space(run: Composed, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message if the config has no search space."""
    if not config["search"]:
        name = run.choices["optimizer"]
        yield (
            f"optimizer={name} has no search space: add '+search.lr=[1.0e-5,0.1]' to the command, or to its file the node "
            "`search: {lr: [1.0e-5, 0.1]}`"
        )


def _tuned_keys_given(arm: Definition) -> Iterator[str]:
    """Yield a message for each override that sets a key which the trials would override."""
    for override in arm.overrides:
        value = override.value()
        for key in arm.space:
            below = key.removeprefix(f"{override.key_or_group}.")
            if key == override.key_or_group or (isinstance(value, dict) and below != key and below.split(".")[0] in value):
                short = key.removeprefix("optimizer.")
                yield (
                    f"{override.input_line}: {key} is tuned by optimizer={arm.optimizer}, whose range is "
                    f"{format_value(arm.config['search'].get(short, arm.config['search'].get(key)))}; leave it out, "
                    f"change the range (search.{short}=[LOW,HIGH]), or fix the value with ~search.{short}"
                )
