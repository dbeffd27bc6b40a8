"""Trial steps: construct data, model, task and optimizer, and take one step and one evaluation on a few examples.

An error that affects every run of a sweep is found once, before the first run starts. Baselines, checkpoints and loggers are
not tried, since a failure there does not affect the result of a run.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from descentlab.budget import Plan
from descentlab.config.build import build
from descentlab.config.identity import config_key
from descentlab.config.resolve import OWN_FILES
from descentlab.data.loading.loader import StepLoader
from descentlab.data.loading.tensors import Data
from descentlab.diagnostics.alerts.alert import Alert
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.errors import UsageError, describe_error
from descentlab.launchers.checks.soundness import check_gradients, check_labels, check_splits
from descentlab.launchers.checks.structure import SEEDS, structure_of
from descentlab.optim.recipe import Recipe
from descentlab.store.core import Core, TrainerConfig
from descentlab.tasks.base import ends_of_an_epoch
from descentlab.training.callbacks import make_callbacks
from descentlab.training.curves import Row
from descentlab.training.setup import RunObservers, load_data, make_engine, make_task, plan_of, set_up_torch

SIZES = (2, 16)  # numbers of examples to try, before the run's own batch size
LARGEST = 1024  # upper bound of that batch size
NAMES, LINES = 8, 20  # column names in a line of a note, and lines in a note
LARGE = 30_000_000  # parameters; a larger model is not trained here, since a step may take minutes and much memory
PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed")  # that a CPU supports
NOT_HERE = (OSError, MemoryError)  # errors of reading data that are not mistakes on a machine that only starts the runs


class NoSink:
    """A sink that discards the rows of a trial step."""

    def write(self, rows: list[Row]) -> None: ...

    def write_layers(self, rows: list[Row]) -> None: ...

    def alert(self, alert: Alert) -> None: ...

    def alive(self) -> None: ...

    def positions(self) -> dict[str, int]:
        return {}

    def kept(self) -> tuple[list[Row], list[Row]]:
        return [], []


class Rehearsals:
    """The trial steps of a sweep's runs.

    Args:
        here: True if the runs will run on this machine; otherwise data that are missing here are a note, not a mistake.
    """

    def __init__(self, here: bool = True) -> None:
        self.here = here
        self.several = False  # True if the runs differ in models or optimizers
        self.seen: set[str] = set()  # keys of configs without their seeds
        self.done: set[str] = set()  # structures that have been tried

    def try_all(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """Try each config, and yield the progress and the results as (kind, text): stage, note or mistake.

        Data that several configs share are read once, and released before the next are read.
        """
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for config in configs:
            groups.setdefault(config_key(config["data"]), []).append(config)
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
                text = "data: " * (not isinstance(error, UsageError)) + describe_error(error)
                yield ("note", f"{text} (on this machine)") if elsewhere else ("mistake", text)
                continue
            heading = [f"{file_of(group[0]['data'])}:"] if len(files) > 1 else []
            if lines := notes(data):
                yield "note", "\n".join([*heading, *lines])
            for config in group:
                yield from self._try(config, data)

    def _try(self, config: Mapping[str, Any], data: Data[Any]) -> Iterator[tuple[str, str]]:
        run = config_key({key: value for key, value in config.items() if key not in SEEDS})
        if run in self.seen:
            return
        self.seen.add(run)
        structure, core = structure_of(config), Core.of(config)
        try:
            set_up_torch(core)
            plan = plan_of(core, data)
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
            message = describe_error(error)
            if self.several and not isinstance(error, UsageError):
                message = f"{name_of(config['model'])} under {name_of(config['optimizer'])}: {message}"
            yield ("note", f"on the CPU: {message}") if _is_elsewhere(core.trainer) else ("mistake", message)


def _check_schedules(config: Mapping[str, Any], plan: Plan) -> None:
    """Evaluate the schedules at the first and the last step."""
    recipe = Recipe.of(config, build)
    for schedule in (recipe.schedule, recipe.momentum_schedule, recipe.decay_schedule):
        for step in (0, plan.total - 1) if plan.total else (0,):
            _ = schedule and schedule(step, plan.total)


def _construct_without_memory(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> Iterator[tuple[str, str]]:
    """Construct the task and the optimizer of a model that is too large to be trained here, on torch's meta device."""
    try:
        with torch.device("meta"):
            task = make_task({**config, "compile": False}, data, plan)
            task.recipe.make(task.model, plan.total)
    except UsageError:
        raise
    except Exception as error:  # not all code works on the meta device
        yield "note", f"not checked, since it is large and cannot be constructed without memory: {describe_error(error)}"


def _take_a_step(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> None:
    """Train and test on the first few examples, with increasing batch sizes until one works.

    Raises:
        Exception: the error at the last size, or an error that two sizes give.
    """
    largest = min(plan.batch_size, LARGEST)
    sizes = sorted({size for size in (*SIZES, largest) if size <= largest})
    before, size = "", sizes[0]
    for size in sizes:
        try:
            _train(config, data, plan, size)
            break
        except Exception as error:
            if size == sizes[-1] or isinstance(error, UsageError) or describe_error(error) == before:
                raise
            before = describe_error(error)
    smallest = _smallest_part(Core.of(config), plan)
    if smallest < size:
        try:
            _train(config, data, plan, smallest)
        except Exception as error:
            cause = f"some batches have {smallest} example{'s' * (smallest > 1)}, as the last of an epoch or of a microbatch"
            raise UsageError(f"{cause}: {describe_error(error)}; choose another batch_size, or data.drop_last=true") from error


def _smallest_part(core: Core, plan: Plan) -> int:
    """Return the smallest number of examples in a forward pass of the training."""
    loader = StepLoader(plan.rows, plan, 0, core.microbatch)
    return min(len(rows) for step in ends_of_an_epoch(loader) for rows, _ in loader.part_indices(step))


def _train(config: Mapping[str, Any], data: Data[Any], plan: Plan, size: int) -> None:
    core, small = Core.of(config), copy.copy(data)
    small._splits = data.limited(data.splits, size)
    task = make_task({**config, "compile": False}, data, plan)
    task.check_batches(StepLoader(plan.rows, plan, 0, core.microbatch))
    one = Plan.of(small.splits.sizes()["train"], "full", {"epochs": None, "steps": 1, "examples": None, "seconds": None})
    small.serve(one, 0, core.microbatch)
    observers = RunObservers(core, task, one, NoSink(), config, {})
    task.probes = Probes.of(config)
    trainer = replace(core.trainer, devices=1, num_nodes=1, strategy="auto")
    if not _on_gpu(trainer):
        precision = trainer.precision if trainer.precision in PRECISIONS else "32-true"
        trainer = replace(trainer, accelerator="cpu", precision=precision)
    engine = make_engine(replace(core, trainer=trainer), make_callbacks(config))
    with contextlib.redirect_stdout(io.StringIO()) if engine.callbacks else contextlib.nullcontext():  # tables for the log
        engine.fit(task, small, one, observers)
        check_gradients(core, task, small)
        engine.test(task, small, observers)


def _on_gpu(trainer: TrainerConfig) -> bool:
    """Return True if the runs compute on a GPU of this machine."""
    return trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def _is_elsewhere(trainer: TrainerConfig) -> bool:
    """Return True if the runs compute on an accelerator that this machine lacks; a failure on its CPU is then no proof."""
    return trainer.accelerator not in ("auto", "cpu") and not _on_gpu(trainer)


def parameters_of(model: Mapping[str, Any], data: Data[Any]) -> int:
    """Return the number of parameters of the model; 0 if its class cannot be built on torch's meta device.

    They are counted in a separate process: a class may cache tensors that it creates, which would remain on the meta device.
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


def file_of(data: Mapping[str, Any]) -> str:
    """Return the name of the data: of the file, of the data set of the hub, or of the class."""
    own = [str(data[key]) for key in OWN_FILES if data.get(key)]
    return own[0].rpartition("/")[2] if own else name_of(data)


def name_of(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]


def notes(data: Data[Any]) -> list[str]:
    """Return lines that describe the reading of a table's columns, and the warnings of the data."""
    alike: dict[tuple[str, str], list[str]] = {}
    for column in data.columns:
        alike.setdefault((column["read_as"], column["detail"]), []).append(column["name"])
    lines = []
    for (read_as, detail), names in alike.items():
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        lines.append(f"{read_as:8} {', '.join(names[:NAMES])}{more}{f': {detail}' if detail else ''}")
    rest = [f"... and {len(lines) - LINES} more: see the report page"] if len(lines) > LINES else []
    return [*lines[:LINES], *rest, *data.warnings]
