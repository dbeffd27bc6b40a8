"""Constructs all that a run constructs and trains it for one step on a few examples, so that what would fail in each run of a
sweep fails once, before the first run starts."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from descentlab.assembly import build, load_data, make_task, make_trainer, plan_of, set_up_torch
from descentlab.budget import Plan
from descentlab.callbacks.curves import Curves, Row
from descentlab.callbacks.outcome import Outcome, Stop
from descentlab.callbacks.timing import Clock
from descentlab.data.loader import StepLoader
from descentlab.data.tensors import Data
from descentlab.messages import UsageError, described
from descentlab.optim.recipe import Recipe

SIZES = (2, 16)  # examples that a task is tried on, before the run's own batch
NAMES, LINES = 8, 20  # of columns to print
LARGE = 30_000_000  # parameters; a larger model is not trained here, for its step may take minutes and much memory
ON_CPU = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto"}
PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed")  # that a CPU computes in
# Nodes whose numbers make no difference to what is constructed: a rehearsal for each of their values would show nothing new.
NUMBERS = ("optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule", "decay", "clip", "average", "stop")
IGNORED = ("seed", "data_seed", "batch_size", "budget", "target", "validate_every", "log_every", "lr_decay", "baseline")
IGNORED += ("logger", "sweep", "output_dir", "search", "workers", "jobs_per_gpu", "checkpoint", "compile")


class NoSink:
    """Takes the rows of a rehearsal, and keeps none."""

    def write(self, rows: list[Row]) -> None: ...

    def alive(self) -> None: ...

    def position(self) -> int:
        return 0


class Rehearsals:
    """The rehearsals of a sweep's runs. Data that runs share are read once.

    `stage` tells what is being tried, for the message about a process that dies meanwhile.
    """

    def __init__(self) -> None:
        self.stage = ""
        self.data: dict[str, Data[Any]] = {}
        self.done: set[str] = set()

    def try_all(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """Try each config, and yield what is to be told, as (kind, text): stage, note or mistake."""
        broken: set[str] = set()
        for config in configs:
            node = key_of(config["data"])
            if node not in self.data and node not in broken:
                yield "stage", f"reading {name_of(config['data'])}"
                try:
                    self._read(node, config["data"])
                except Exception as error:  # somebody's class
                    broken.add(node)
                    yield "mistake", "data: " * (not isinstance(error, UsageError)) + described(error)
                else:
                    yield from (("note", line) for line in notes(self.data[node]))
            if node not in broken:
                yield from self._try(config, self.data[node])

    def _read(self, node: str, config: Mapping[str, Any]) -> None:
        data = load_data({"data": config})
        _ = data.splits
        self.data[node] = data

    def _try(self, config: Mapping[str, Any], data: Data[Any]) -> Iterator[tuple[str, str]]:
        structure = structure_of(config)
        try:
            set_up_torch(config)
            plan = plan_of(config, data)
            _check_schedules(config, plan)
            if structure in self.done:
                return
            self.done.add(structure)
            yield "stage", f"constructing {name_of(config['model'])}"
            if parameters_of(config["model"], data) > LARGE:
                return
            yield "stage", f"one step of {name_of(config['model'])} under {name_of(config['optimizer'])}"
            _take_a_step(config, data, plan)
        except Exception as error:  # somebody's class
            yield "mistake", described(error)


def _check_schedules(config: Mapping[str, Any], plan: Plan) -> None:
    """Evaluate the schedules where a run begins and ends."""
    recipe = Recipe.of(config, build)
    for schedule in (recipe.schedule, recipe.momentum_schedule, recipe.decay_schedule):
        for step in (0, plan.total - 1) if plan.total else (0,):
            _ = schedule and schedule(step, plan.total)


def _take_a_step(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> None:
    """Train and test on the first few examples: of the sizes that a task may accept, the first that works is enough.

    Raises:
        Exception: what the run's own batch fails with.
    """
    sizes = sorted({size for size in (*SIZES, plan.batch_size) if size <= plan.batch_size})
    for size in sizes[:-1]:
        with contextlib.suppress(Exception):
            return _train(config, data, plan, size)
    return _train(config, data, plan, sizes[-1])


def _train(config: Mapping[str, Any], data: Data[Any], plan: Plan, size: int) -> None:
    small = copy.copy(data)
    small._splits = data.limited(data.splits, size)
    task = make_task({**config, "compile": False}, data, plan)
    task.check_batches(StepLoader(plan.rows, plan, 0, config["microbatch"]))
    one = Plan.of(small.splits.sizes()["train"], "full", {"epochs": None, "steps": 1, "examples": None, "seconds": None})
    small.serve(one, 0, config["microbatch"])
    clock = Clock()
    outcome = Outcome(one, clock, Stop(**config["stop"]), config["target"])
    precision = config["trainer"]["precision"]
    trainer = {**ON_CPU, "precision": precision if precision in PRECISIONS else "32-true"}
    fitting = make_trainer({**config, "trainer": trainer}, [clock, outcome, Curves(one, clock, NoSink(), config["log_every"])])
    fitting.fit(task, datamodule=small)
    fitting.test(task, datamodule=small, verbose=False)


def parameters_of(model: Mapping[str, Any], data: Data[Any]) -> int:
    """How many parameters the model has, counted without memory for them; 0 where its class cannot be built that way."""
    try:
        with torch.device("meta"):
            built = build(data.fill(model))
    except Exception:  # it is built for real next
        return 0
    return sum(parameter.numel() for parameter in built.parameters()) if isinstance(built, nn.Module) else 0


def structure_of(config: Mapping[str, Any]) -> str:
    """What decides what a run constructs, as text: the config without seeds, budgets and the numbers of an update."""
    kept = {key: value for key, value in config.items() if key not in IGNORED}
    return key_of({key: _without_numbers(value) if key in NUMBERS else value for key, value in kept.items()})


def _without_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    return bool(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def key_of(node: Mapping[str, Any]) -> str:
    return json.dumps(node, sort_keys=True, default=str)


def name_of(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]


def notes(data: Data[Any]) -> list[str]:
    """How the columns of a table were read, and what else a person should know before training."""
    alike: dict[tuple[str, str], list[str]] = {}
    for column in data.columns:
        alike.setdefault((column["read_as"], column["detail"]), []).append(column["name"])
    lines = []
    for (read_as, detail), names in alike.items():
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        lines.append(f"{read_as:8} {', '.join(names[:NAMES])}{more}{f': {detail}' if detail else ''}")
    rest = [f"... and {len(lines) - LINES} more: see the report page"] if len(lines) > LINES else []
    return [*lines[:LINES], *rest, *data.warnings]
