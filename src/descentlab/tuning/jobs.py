"""The jobs of a tuning sweep: the config of an arm at a point of its search space, with a seed and a share of the budget."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all
from descentlab.config.identity import run_id
from descentlab.config.resolve import resolve
from descentlab.errors import UsageError
from descentlab.store.job import Job
from descentlab.sweeps.plan import plan_jobs
from descentlab.tuning.arms import Definition

Point = Mapping[str, Any]  # dotted config key -> value


@dataclass(frozen=True)
class PlannedRun:
    """A run of an arm: the point, the seed, and the share of the budget in (0, 1]."""

    point: Point
    seed: int
    share: float = 1.0


class JobFactory:
    """Makes the jobs of one sweep.

    Args:
        command: the command line.
        arms: the arms that it defines.
        sweep: the name of the sweep.
    """

    def __init__(self, command: Command, arms: Sequence[Definition], sweep: str) -> None:
        self.command, self.sweep, self.composer = command, sweep, command.composer
        self.shared = set(arms[0].lines).intersection(*(arm.lines for arm in arms))

    def make(self, arm: Definition, runs: Sequence[PlannedRun]) -> list[Job]:
        """Return the job of each run of `arm`.

        Raises:
            UsageError: the config of a run is not valid.
        """
        words = [self.command.parse(list(_words(arm, run))) for run in runs]
        composed = list(compose_all(self.composer, [[*arm.overrides, *more] for more in words])) if runs else []
        configs: list[dict[str, Any]] = []
        for run in composed:
            config, mistakes = resolve(run.config, run.choices)
            if mistakes:
                raise UsageError(f"{arm.name} on {arm.problem}: {mistakes[0]}")
            configs.append({**config, "sweep": self.sweep})
        if not configs:
            return []
        planned = plan_jobs(configs, [run.choices for run in composed], [run.overrides for run in composed], self.shared)
        jobs = {job.id: job for job in planned}
        return [jobs[run_id(config)] for config in configs]


def _words(arm: Definition, run: PlannedRun) -> Iterator[str]:
    """Yield the overrides of a run beyond those of its arm."""
    for key, value in run.point.items():
        yield f"{key}={json.dumps(value)}"
    yield f"seed={run.seed}"
    if run.share < 1:
        for key, limit in arm.config["budget"].items():
            if limit is not None:
                share = limit * run.share
                yield f"budget.{key}={max(1, math.ceil(share)) if key in ('steps', 'examples') else float(f'{share:.6g}')}"
