"""The number of steps of a run, and the seconds of a step, measured on a small of the run's data."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from descentlab.budget import Plan
from descentlab.config.identity import config_key
from descentlab.data.loading.tensors import Data
from descentlab.launchers.checks.rehearsal import LARGE, NoSink, parameters_of
from descentlab.store.core import Core
from descentlab.training.setup import RunObservers, load_data, make_engine, make_task, plan_of, set_up_torch

STEPS = 60  # steps that are timed ...
SECONDS = 2.0  # ... or fewer, if they take longer
WARM_UP = 5  # steps before them, which are not timed
BATCHES = 8  # batches of data that are used
OF_BUDGET = ("budget", "seed", "data_seed", "sweep")  # keys that do not change the time of a step


def timed(configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int | None, float | None]]:
    """Yield the number of steps and the seconds of a step of each config; None if unknown."""
    loaded: dict[str, Data[Any]] = {}
    seconds: dict[str, float | None] = {}
    for config in configs:
        data = loaded.setdefault(config_key(config["data"]), load_data(config))
        core = Core.of(config)
        set_up_torch(core)
        plan = plan_of(core, data)
        key = config_key({key: value for key, value in config.items() if key not in OF_BUDGET})
        if key not in seconds:
            seconds[key] = None
            with contextlib.suppress(Exception):  # an accelerator that this machine lacks
                seconds[key] = _seconds_of_a_step(config, core, data, plan)
        yield plan.total, seconds[key]


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
    observers = RunObservers(core, task, short, NoSink())
    with contextlib.redirect_stdout(io.StringIO()):
        make_engine(core).fit(task, data, short, observers)
    return observers.outcome.summary
