"""What a command does, top to bottom: check every config, plan the runs, train them, lay the results side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf, open_dict

from descentlab import config as configuration
from descentlab.messages import COMPOSITION_ERRORS, UsageError, explain
from descentlab.sweeps.plan import Job, plan


@dataclass(frozen=True)
class Composed:
    """A config as Hydra composed it, the option chosen in each group, and the overrides that led to it."""

    config: DictConfig
    choices: Mapping[str, str]
    overrides: Sequence[str]


def compose_all(compose: Callable[[list[str]], DictConfig], jobs: Sequence[Sequence[str]]) -> list[Composed]:
    """Compose the runs of a sweep.

    Raises:
        UsageError: names the mistakes of all runs.
    """
    composed: list[Composed] = []
    mistakes = [] if jobs else ["the sweep is empty: some key has no values"]
    for overrides in jobs:
        try:
            config = compose(list(overrides))
        except COMPOSITION_ERRORS as error:
            mistakes.append(explain(error, overrides))
            continue
        composed.append(_without_hydra(config, overrides))
    _refuse(mistakes)
    return composed


def compose_here(conf_dir: Path, *overrides: str) -> Composed:
    """A config composed in Python, without a command line: compose_here(Path("conf"), "optimizer=sgd")."""
    with hydra.initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        return _without_hydra(hydra.compose("train", list(overrides), return_hydra_config=True), overrides)


def _without_hydra(config: DictConfig, overrides: Sequence[str]) -> Composed:
    choices = dict(config.hydra.runtime.choices)
    OmegaConf.set_readonly(config, False)
    with open_dict(config):
        del config["hydra"]
    return Composed(config, choices, overrides)


def launch(composed: Sequence[Composed]) -> int:
    """Train every composed run on this machine and report; returns the exit code.

    Raises:
        UsageError: some config is not valid; nothing was started.
    """
    jobs = _checked_plan(composed)

    from descentlab.sweeps import local, summary

    code = local.train(jobs)
    summary.show(jobs)
    return code


def _checked_plan(composed: Sequence[Composed]) -> list[Job]:
    resolved: list[dict[str, Any]] = []
    mistakes: list[str] = []
    for run in composed:
        config, found = configuration.resolve(run.config, run.choices)
        resolved.append(config)
        mistakes += found
    _refuse(mistakes)
    return plan(resolved, [run.choices for run in composed], [run.overrides for run in composed])


def _refuse(mistakes: Sequence[str]) -> None:
    """Raise UsageError if there are mistakes; one screen of them, each once."""
    distinct = list(dict.fromkeys(mistakes))
    if distinct:
        more = f"\n... and {len(distinct) - 10} more" if len(distinct) > 10 else ""
        raise UsageError("\n".join(distinct[:10]) + more + "\nNothing was started.")
