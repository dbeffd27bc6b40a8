"""The settings of runs: configs as flat mappings from dotted keys to values, and the keys that vary between runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from descentlab.store.later_keys import with_later_defaults
from descentlab.store.record import NOT_IDENTITY, without_kernels

SEEDS = ("seed", "data_seed")
IGNORED = NOT_IDENTITY | set(SEEDS)
OPTIMIZER_NODES = ("groups", "auxiliary", "needs")  # config nodes that an optimizer's YAML file sets in addition to its own
MISSING = object()

Settings = dict[str, Any]


class Configured(Protocol):
    """A run or a job: anything with the chosen option of each config group and a resolved config."""

    @property
    def choices(self) -> Mapping[str, str]: ...

    @property
    def config(self) -> Mapping[str, Any]: ...


def settings_of(run: Configured) -> Settings:
    """Return the settings that distinguish a run: dotted config keys, and the chosen options under their group's name.

    Seeds and keys that do not enter the run id are left out.
    """
    choices = {group: choice for group, choice in run.choices.items() if group.split("/")[0] not in IGNORED}
    return {"problem": "unknown", "optimizer": "unknown", **_relevant_config(run), **choices}


def series_key(run: Configured) -> str:
    """Return a key that is equal for runs that differ in their seeds only."""
    chosen = [run.choices.get("problem"), run.choices.get("optimizer")]
    config = {key: value for key, value in _complete(run.config).items() if key not in IGNORED}
    return json.dumps([chosen, config], sort_keys=True, default=str)


def _relevant_config(run: Configured) -> Settings:
    return flatten({key: value for key, value in _complete(run.config).items() if key not in IGNORED})


def _complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` as runs of all versions have it: with the keys that were added later, and without kernels."""
    return with_later_defaults(without_kernels(config))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return `tree` as a flat mapping with dotted keys; lists and empty mappings are kept as values."""
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:  # read from JSON; isinstance with Mapping takes most of the time of a load
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def varying_keys(settings: Sequence[Settings]) -> list[str]:
    """Return the keys whose value is not the same in all of `settings`, or that some of them lack."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if any(one.get(key, MISSING) != settings[0].get(key, MISSING) for one in settings)]


def differences(settings: Settings, others: Sequence[Settings], varied: Sequence[str]) -> Settings:
    """Return the entries of `settings` that distinguish it from one of `others`, except the optimizer's name.

    Args:
        settings: the settings of one series.
        others: the settings of all series of its comparison.
        varied: the keys that vary among `others`.
    """
    keys = [key for key in varied if key in settings and key != "optimizer"]
    return {key: settings[key] for key in keys if any(_differs(key, settings, other) for other in others)}


def _differs(key: str, settings: Settings, other: Settings) -> bool:
    """Return True if `other` has a different value for `key`.

    A key of a config group is compared only if both have chosen the same option of the group: with different options the
    choice itself is the difference.
    """
    group, dot, _ = key.partition(".")
    if group in OPTIMIZER_NODES:
        group, dot = "optimizer", "."
    comparable = not dot or settings.get(group) == other.get(group)
    return comparable and other.get(key, MISSING) != settings[key]


def format_assignment(key: str, value: Any) -> str:
    """Return an override such as ``lr=0.1``, without the prefix that all hyperparameters of an optimizer share."""
    return f"{key.removeprefix('optimizer.')}={format_value(value)}"


def format_value(value: Any) -> str:
    """Return a config value in the syntax of the command line."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)
