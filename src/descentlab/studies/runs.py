"""The runs of a study: which arm, point and seed a run belongs to, and the jobs that train them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hydra.core.config_loader import ConfigLoader

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all
from descentlab.config.identity import run_id
from descentlab.store.job import Job
from descentlab.store.record import Record
from descentlab.studies.study import Arm
from descentlab.sweeps.launch import validated
from descentlab.sweeps.plan import plan_jobs

Point = Mapping[str, Any]  # dotted config key -> value
Role = Literal["select", "report"]
Row = tuple[str, float | None, int, float | None]  # of a quantity: arm, x, seed, value


@dataclass(frozen=True)
class StudyRun:
    """The place of a run in a study.

    Attributes:
        arm: the name of its arm.
        over: the values of the keys that the arm is trained over; the first one is the `x` of checks.
        point: the values of the keys of the grid.
        seed: the seed.
        role: select, if it selects a point of the grid; report, if checks read it.
    """

    arm: str
    over: Point
    point: Point
    seed: int
    role: Role

    @property
    def x(self) -> Any:
        """The value of the first key of `over`, a list as text; None without any."""
        value = next(iter(self.over.values()), None)
        return json.dumps(value) if isinstance(value, list) else value

    def content(self) -> dict[str, Any]:
        """Return the run as JSON."""
        return {**asdict(self), "over": dict(self.over), "point": dict(self.point)}


@dataclass(frozen=True)
class Ended:
    """A run of a study that has ended, with its record."""

    run: StudyRun
    record: Record


def positions(ended: Sequence[Ended]) -> dict[Any, float | None]:
    """Return the `x` of each value of the first key of `over`: the number itself, or its position among texts."""
    found: dict[Any, float | None] = {}
    for each in ended:
        x = each.run.x
        is_number = isinstance(x, int | float) and not isinstance(x, bool)
        found.setdefault(x, float(x) if is_number else None if x is None else float(len(found)))
    return found


@dataclass
class Jobs:
    """Makes the jobs of a study.

    Args:
        loader: Hydra's loader of the config groups.
        sweep: the name of the sweep.
        words: for each arm by name, its overrides, those of the command included.

    Attributes:
        folder: of the sweep, once jobs were made.
    """

    loader: ConfigLoader
    sweep: str
    words: Mapping[str, Sequence[str]]
    commands: dict[str, Command] = field(default_factory=dict)
    folder: Path = Path()

    def make(self, arm: Arm, runs: Sequence[StudyRun]) -> list[Job]:
        """Return the job of each run of `arm`.

        Raises:
            UsageError: a config is not valid.
        """
        command = self.command(arm.name)
        fixed = next(command.combinations())
        more = [command.parse(_words(run)) for run in runs]
        keys = [{override.key_or_group for override in own} for own in more]
        combined = [
            [*(each for each in fixed if each.key_or_group not in own_keys), *own]
            for own, own_keys in zip(more, keys, strict=True)
        ]
        composed = list(compose_all(command.composer, combined))
        configs = [{**config, "sweep": self.sweep} for config in validated(composed)]
        shared = set(self.words[arm.name])
        planned = plan_jobs(configs, [run.choices for run in composed], [run.overrides for run in composed], shared)
        jobs = {job.id: job for job in planned}
        self.folder = planned[0].folder.parent
        return [jobs[run_id(config)] for config in configs]

    def command(self, arm: str) -> Command:
        """Return the command with the overrides of an arm, composed once."""
        if arm not in self.commands:
            command = Command(self.loader, self.words[arm], multirun=False)
            self.commands[arm] = command
        return self.commands[arm]


def merged(*lists: Sequence[str]) -> list[str]:
    """Return the overrides of several lists; one that sets a key again replaces the earlier one."""
    found: dict[str, str] = {}
    for word in itertools.chain(*lists):
        key = word.lstrip("+~").partition("=")[0]
        found.pop(key, None)
        found[key] = word
    return list(found.values())


def points(grid: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Return the combinations of the values of `grid`; one without keys if it is empty."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _words(run: StudyRun) -> list[str]:
    """Return the overrides of a run beyond those of its arm."""
    values = {**run.over, **run.point}
    seeds = {} if "seed" in values else {"seed": run.seed}
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in {**values, **seeds}.items()]
