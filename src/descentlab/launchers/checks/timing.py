"""The number of steps of a run, and the seconds of a step, measured on a small part of the run's data."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Mapping
from typing import Any

from descentlab.budget import Plan
from descentlab.config.identity import config_key
from descentlab.data.loading.tensors import Data
from descentlab.launchers.checks.rehearsal import LARGE, NoSink, parameters_of
from descentlab.launchers.preflight import StepCost, StepRequest
from descentlab.store.core import Core
from descentlab.training.setup import RunObservers, load_data, make_engine, make_task, plan_of, set_up_torch

STEPS = 60  # steps that are timed ...
SECONDS = 2.0  # ... or fewer, if they take longer
WARM_UP = 5  # steps before them, which are not timed
BATCHES = 8  # batches of data that are used


class StepTimer:
    """Counts and times the steps of runs. Data that several configs share are read once."""

    def __init__(self) -> None:
        self.data: dict[str, Data[Any]] = {}

    def measure(self, request: StepRequest) -> StepCost:
        """Return the number of steps of the run and, if it is requested and possible here, the seconds of a step."""
        config = request.config
        key = config_key(config["data"])
        if key not in self.data:
            self.data[key] = load_data(config)
        data, core = self.data[key], Core.of(config)
        set_up_torch(core)
        plan, seconds = plan_of(core, data), None
        if request.is_timed:
            with contextlib.suppress(Exception):  # an accelerator that this machine lacks
                seconds = _seconds_of_a_step(config, core, data, plan)
        return StepCost(plan.total, seconds)


def _seconds_of_a_step(config: Mapping[str, Any], core: Core, data: Data[Any], plan: Plan) -> float | None:
    """Return the mean seconds of a step, without compiling the model; None for a large model or several processes."""
    if core.trainer.processes > 1 or parameters_of(config["model"], data) > LARGE:
        return None
    small = copy.copy(data)
    small._splits = data.limited(data.splits, min(BATCHES * plan.batch_size, plan.rows))
    _steps(config, core, small, plan, WARM_UP)
    summary = _steps(config, core, small, plan, STEPS)
    return summary["train_seconds"] / summary["steps"] if summary["steps"] else None


def _steps(config: Mapping[str, Any], core: Core, data: Data[Any], plan: Plan, count: int) -> dict[str, Any]:
    """Train for `count` steps or SECONDS, and return the summary."""
    task = make_task({**config, "compile": False}, data, plan)
    short = Plan(min(plan.rows, data.splits.sizes()["train"]), plan.batch_size, count, count, SECONDS)
    data.serve(short, core.data_seed, core.microbatch)
    observers = RunObservers(core, task, short, NoSink(), config, {})
    with contextlib.redirect_stdout(io.StringIO()):
        make_engine(core).fit(task, data, short, observers)
    return observers.outcome.summary
