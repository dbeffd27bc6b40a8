"""Constructs a run's data, model, task, optimizer and trainer, and takes one step and one evaluation on a few examples.

What would fail in each run of a sweep then fails once, before the first run starts. Baselines, checkpoints and loggers are not
part of it: they cost no run its result.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from descentlab.budget import Plan
from descentlab.config.build import build
from descentlab.config.resolve import OWN_FILES
from descentlab.data.loading.loader import StepLoader
from descentlab.data.loading.tensors import Data
from descentlab.diagnostics.probes import Probes
from descentlab.errors import UsageError, described
from descentlab.launchers.checks.soundness import check_gradients, check_labels, check_splits
from descentlab.optim.recipe import Recipe
from descentlab.tasks.base import ends_of_an_epoch
from descentlab.training.callbacks import make_callbacks
from descentlab.training.curves import Row
from descentlab.training.setup import RunObservers, load_data, make_engine, make_task, plan_of, set_up_torch

SIZES = (2, 16)  # examples that a task is tried on, before the run's own batch
LARGEST = 1024  # examples of that batch, at most
NAMES, LINES = 8, 20  # of columns to print
LARGE = 30_000_000  # parameters; a larger model is not trained here, for its step may take minutes and much memory
ONE_PROCESS = {"devices": 1, "num_nodes": 1, "strategy": "auto"}
PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed")  # that a CPU computes in
# Nodes whose numbers make no difference to what is constructed: a rehearsal for each of their values would show nothing new.
NUMBERS = ("optimizer", "auxiliary", "schedule", "momentum_schedule", "decay_schedule", "decay", "clip", "average", "stop")
SEEDS = ("seed", "data_seed", "logger", "sweep", "output_dir", "search", "workers", "jobs_per_gpu", "checkpoint", "baseline")
IGNORED = (*SEEDS, "budget", "target", "validate_every", "log_every", "lr_decay", "compile")
NOT_HERE = (OSError, MemoryError)  # what data may raise on a machine that only starts the runs


class NoSink:
    """Takes the rows of a rehearsal, and keeps none."""

    def write(self, rows: list[Row]) -> None: ...

    def alive(self) -> None: ...

    def position(self) -> int:
        return 0


class Rehearsals:
    """The rehearsals of a sweep's runs.

    Args:
        here: whether the runs will run on this machine; if not, data that cannot be had here are no mistake.
    """

    def __init__(self, here: bool = True) -> None:
        self.here = here
        self.several = False  # models or optimizers
        self.seen: set[str] = set()  # configs but for their seeds
        self.done: set[str] = set()  # structures

    def try_all(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """Try each config, and yield the progress and the results as (kind, text): stage, note or mistake.

        Data that several configs share are read once, and forgotten before the next are read.
        """
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for config in configs:
            groups.setdefault(key_of(config["data"]), []).append(config)
        files = {file_of(group[0]["data"]) for group in groups.values()}
        self.several = len({(name_of(config["model"]), name_of(config["optimizer"])) for config in configs}) > 1
        for group in groups.values():
            yield "stage", f"reading {name_of(group[0]['data'])}"
            try:
                data = load_data(group[0])
                _ = data.splits
                check_splits(data)
            except (Exception, SystemExit) as error:
                elsewhere = not self.here and isinstance(error, NOT_HERE)
                text = "data: " * (not isinstance(error, UsageError)) + described(error)
                yield ("note", f"{text} (on this machine)") if elsewhere else ("mistake", text)
                continue
            heading = [f"{file_of(group[0]['data'])}:"] if len(files) > 1 else []
            if lines := notes(data):
                yield "note", "\n".join([*heading, *lines])
            for config in group:
                yield from self._try(config, data)

    def _try(self, config: Mapping[str, Any], data: Data[Any]) -> Iterator[tuple[str, str]]:
        run = key_of({key: value for key, value in config.items() if key not in SEEDS})
        if run in self.seen:
            return
        self.seen.add(run)
        structure = structure_of(config)
        try:
            set_up_torch(config)
            plan = plan_of(config, data)
            check_labels(config, data)
            _check_schedules(config, plan)
            make_callbacks(config)
            if structure in self.done:
                return
            self.done.add(structure)
            yield "stage", f"constructing {name_of(config['model'])}"
            if parameters_of(config["model"], data) > LARGE:
                yield from _construct_without_memory(config, data, plan)
                return
            yield "stage", f"one step of {name_of(config['model'])} under {name_of(config['optimizer'])}"
            _take_a_step(config, data, plan)
        except (Exception, SystemExit) as error:
            what = described(error)
            if self.several and not isinstance(error, UsageError):
                what = f"{name_of(config['model'])} under {name_of(config['optimizer'])}: {what}"
            yield ("note", f"on the CPU: {what}") if _is_elsewhere(config) else ("mistake", what)


def _check_schedules(config: Mapping[str, Any], plan: Plan) -> None:
    """Evaluate the schedules where a run begins and ends."""
    recipe = Recipe.of(config, build)
    for schedule in (recipe.schedule, recipe.momentum_schedule, recipe.decay_schedule):
        for step in (0, plan.total - 1) if plan.total else (0,):
            _ = schedule and schedule(step, plan.total)


def _construct_without_memory(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> Iterator[tuple[str, str]]:
    """Construct task and optimizer of a model that is too large to be trained here, on torch's meta device."""
    try:
        with torch.device("meta"):
            task = make_task({**config, "compile": False}, data, plan)
            task.recipe.make(task.model, plan.total)
    except UsageError:
        raise
    except Exception as error:  # not all code works without memory
        yield "note", f"not checked, since it is large and cannot be constructed without memory: {described(error)}"


def _take_a_step(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> None:
    """Train and test on the first few examples: of the sizes that a task may accept, the first that works is enough.

    Raises:
        Exception: what it fails with, at the last size, or at two sizes in the same way.
    """
    largest = min(plan.batch_size, LARGEST)
    sizes = sorted({size for size in (*SIZES, largest) if size <= largest})
    before, size = "", sizes[0]
    for size in sizes:
        try:
            _train(config, data, plan, size)
            break
        except Exception as error:
            if size == sizes[-1] or isinstance(error, UsageError) or described(error) == before:
                raise
            before = described(error)
    smallest = _smallest_part(config, plan)
    if smallest < size:
        try:
            _train(config, data, plan, smallest)
        except Exception as error:
            cause = f"some batches have {smallest} example{'s' * (smallest > 1)}, as the last of an epoch or of a microbatch"
            raise UsageError(f"{cause}: {described(error)}; choose another batch_size, or data.drop_last=true") from error


def _smallest_part(config: Mapping[str, Any], plan: Plan) -> int:
    """The fewest examples that one forward pass of the training gets."""
    loader = StepLoader(plan.rows, plan, 0, config["microbatch"])
    return min(len(rows) for step in ends_of_an_epoch(loader) for rows, _ in loader.pieces(step))


def _train(config: Mapping[str, Any], data: Data[Any], plan: Plan, size: int) -> None:
    small = copy.copy(data)
    small._splits = data.limited(data.splits, size)
    task = make_task({**config, "compile": False}, data, plan)
    task.check_batches(StepLoader(plan.rows, plan, 0, config["microbatch"]))
    one = Plan.of(small.splits.sizes()["train"], "full", {"epochs": None, "steps": 1, "examples": None, "seconds": None})
    small.serve(one, 0, config["microbatch"])
    observers = RunObservers(config, task, one, NoSink())
    task.probes = Probes.of(config)
    trainer = {**config["trainer"], **ONE_PROCESS}
    if not _on_gpu(config):
        trainer["accelerator"] = "cpu"
        trainer["precision"] = trainer["precision"] if trainer["precision"] in PRECISIONS else "32-true"
    engine = make_engine({**config, "trainer": trainer})
    with contextlib.redirect_stdout(io.StringIO()) if engine.callbacks else contextlib.nullcontext():  # tables for the log
        engine.fit(task, small, one, observers)
        check_gradients(config, task, small)
        engine.test(task, small, observers)


def _on_gpu(config: Mapping[str, Any]) -> bool:
    """Whether the runs compute on a GPU of this machine."""
    return config["trainer"]["accelerator"] in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _is_elsewhere(config: Mapping[str, Any]) -> bool:
    """Whether the runs compute on an accelerator that this machine lacks, so that a failure on its CPU proves nothing."""
    return config["trainer"]["accelerator"] not in ("auto", "cpu") and not _on_gpu(config)


def parameters_of(model: Mapping[str, Any], data: Data[Any]) -> int:
    """How many parameters the model has; 0 where its class cannot be built without memory.

    They are counted in a process of its own, on torch's meta device: a class may keep tensors that it made, and those would be
    on that device, too.
    """
    node = data.fill(model)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            with torch.device("meta"):
                built = build(node)
            os.write(writing, str(sum(parameter.numel() for parameter in built.parameters())).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        counted = pipe.read()
    os.waitpid(child, 0)
    return int(counted or 0)


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


def file_of(data: Mapping[str, Any]) -> str:
    """What a person calls these data: the file or the data set of the hub, or the class that makes them."""
    own = [str(data[key]) for key in OWN_FILES if data.get(key)]
    return own[0].rpartition("/")[2] if own else name_of(data)


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
