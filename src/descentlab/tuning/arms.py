"""The arms of a command: each combination of its swept values, with the search space of its optimizer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all, refuse
from descentlab.config.composed import Composed
from descentlab.config.identity import run_id
from descentlab.config.search import Range, search_space
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
        name, problem, optimizer: as in store.manifest.Arm.
        overrides: the overrides of the command for this arm.
        config: the resolved config with the default settings.
        space: dotted config key -> its range.
    """

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
        """Return the arm's entry in the manifest, without its runs and without overrides that change no result."""
        overrides = [line for line in self.lines if line.lstrip("+~").partition("=")[0].partition(".")[0] not in NOT_IDENTITY]
        return Arm(self.name, self.problem, self.optimizer, overrides, dict(self.config["search"]))


def define_arms(command: Command) -> list[Definition]:
    """Return the arms of a command. Combinations that lead to the same config are one arm.

    Raises:
        UsageError: a config is not valid, has no search space, or an override sets a seed or a key that is tuned.
    """
    combinations = list(command.combinations())
    refuse(list(dict.fromkeys(_seeds_given(combinations))))
    composed = list(compose_all(command.composer, combinations))
    configs = validated(composed)
    refuse([line for run, config in zip(composed, configs, strict=True) for line in _without_space(run, config)])
    shared = {word for word in composed[0].overrides if all(word in run.overrides for run in composed)}
    found: dict[str, Definition] = {}
    for overrides, run, config in zip(combinations, composed, configs, strict=True):
        definition = _define(overrides, run, config, shared)
        found.setdefault(run_id(config), definition)
    refuse([line for arm in found.values() for line in _tuned_keys_given(arm)])
    return list(found.values())


def _define(overrides: Sequence[Override], run: Composed, config: dict[str, Any], shared: set[str]) -> Definition:
    optimizer, problem = str(run.choices["optimizer"]), str(run.choices["problem"])
    own = [str(word).lstrip("+") for word in run.overrides if word not in shared]
    name = " ".join([optimizer, *(word for word in own if not word.startswith(("optimizer=", "problem=")))])
    return Definition(name, problem, optimizer, overrides, config, search_space(config))


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
    """Yield a message for each override that sets a seed which the tuner chooses."""
    for override in (override for overrides in combinations for override in overrides):
        key = override.key_or_group
        swept = len({str(o.input_line) for overrides in combinations for o in overrides if o.key_or_group == key}) > 1
        if key == "seed" or (key == "data_seed" and swept):
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
