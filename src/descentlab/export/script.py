"""Write a run as one Python script that needs only torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descentlab.config.requirements import varies
from descentlab.data.loading.tensors import TensorData
from descentlab.errors import UsageError
from descentlab.export import packing, run_parts, support
from descentlab.export.layout import assembled
from descentlab.optim.average import in_steps
from descentlab.optim.evaluation import has_modes
from descentlab.store import provenance
from descentlab.store.job import Job
from descentlab.store.record import Record, Status
from descentlab.tasks.base import Task
from descentlab.training.setup import load_data, make_task, plan_of, set_up_torch

OBJECTS = {"SCHEDULE": "schedule", "MOMENTUM_SCHEDULE": "momentum_schedule", "DECAY_SCHEDULE": "decay_schedule"}


@dataclass(frozen=True)
class Exported:
    """The files of an exported script.

    Args:
        script: the script.
        data: the file with its data, or None if it reads those of the data set.
        notes: sentences about the differences between the script and the run.
    """

    script: Path
    data: Path | None
    notes: Sequence[str]


def export(folder: Path, path: Path | None = None, pack: bool = False) -> Exported:
    """Write the script that trains the run in `folder`.

    Args:
        folder: the folder of a finished run.
        path: the script; None: train.py in the run's folder. Its data, if any, are stored next to it, with the suffix .pt.
        pack: store the data next to the script even if it could read the files of the data set.

    Raises:
        UsageError: the run is not finished, or depends on more than plain torch.
        OSError: a file cannot be read or written.
    """
    job, record = read_run(folder)
    support.check_config(job, record)
    set_up_torch(job.core)
    data = load_data(job.config)
    plan = plan_of(job.core, data)
    task = make_task(job.config, data, plan)
    task.data = data
    task.setup("fit")
    support.check_parts(job, record, data, task)
    assert isinstance(data, TensorData)

    reader = packing.reader(data, pack)
    constants = constants_of(job, record, task, data)
    parts = run_parts.source(with_kernels(job.config, record), task, data.fill(job.config["model"]), reader, plain(job.config))
    notes = list(notes_about(job, record, task))
    path = path or folder / "train.py"
    text = assembled(record, notes, constants, parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = None if reader == "text_data" else path.with_suffix(".pt")
    if stored is not None:
        packing.write(data, reader, stored)
    path.write_text(text, encoding="utf-8")
    return Exported(path, stored, notes)


def with_kernels(config: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """Return `config` with the kernels that the run used in place of `fused: auto`."""
    found = dict(config)
    for part in ("optimizer", "auxiliary"):
        if (node := config[part] or {}).get("fused") == "auto":
            settings = {key: value for key, value in node.items() if key != "fused"}
            found[part] = settings | ({"fused": True} if record.summary.get("kernels") == "fused" else {})
    return found


def read_run(folder: Path) -> tuple[Job, Record]:
    """Return config and record of the run in `folder`.

    Raises:
        UsageError: there is no finished run.
    """
    try:
        return Job.load(folder), Record.read(folder)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} is not the folder of a finished run: {error}") from error


def plain(config: Mapping[str, Any]) -> bool:
    """Return True if one optimizer trains all parameters with the same settings."""
    if config["groups"] or config["lr_decay"] != 1 or config["decay"]["to"] != "all":
        return False
    return not str(config["model"].get("parametrization")).startswith("mup")


def constants_of(job: Job, record: Record, task: Task, data: TensorData) -> dict[str, Any]:
    """Return the constants of template.settings for a run."""
    core, plan = job.core, plan_of(job.core, data)
    return {
        "SEED": core.seed,
        "DATA_SEED": core.data_seed,
        "BATCH_SIZE": plan.batch_size,
        "EPOCH_EXAMPLES": plan.rows,
        "FULL_BATCH": plan.batch_size == len(data.splits.train[0]),
        "MICROBATCH": core.microbatch,
        "STEPS": record.summary["steps"] + record.reason.startswith("the training loss"),  # the step that diverged included
        "TOTAL_STEPS": plan.total,
        "VALIDATE_EVERY": plan.validate_every,
        "LOG_EVERY": core.log_every,
        "EVAL_BATCH": data.eval_loader(data.splits.valid).batch_size,
        "DIVERGED": record.status is Status.DIVERGED,
        "COMPILE": core.compile is True,
        "DETERMINISTIC": core.deterministic,
        "THREADS": core.threads,
        "DEVICE": str(record.hardware["device"]),
        "AUGMENT": getattr(data, "augment", None),
        **_constants_of_update(job.config, task, plan.total),
        **_constants_of_evaluation(job.config, task, plan.total),
        **packing.constants(data),
    }


def _constants_of_update(config: Mapping[str, Any], task: Task, total: int | None) -> dict[str, Any]:
    """Return the constants around an optimizer's update: clipping, decay, groups and schedules, in a run of `total` steps."""
    return {
        "CLIP_NORM": config["clip"]["norm"],
        "CLIP_VALUE": config["clip"]["value"],
        "CLIP_ADAPTIVE": config["clip"].get("adaptive"),
        "DECAY_RATE": config["decay"]["rate"] or 0.0,
        "DECAY_KIND": config["decay"]["kind"],
        "DECAY_TO": config["decay"]["to"],
        "LR_DECAY": config["lr_decay"],
        "GROUPS": config["groups"],
        "CLOSURE": task.recipe.needs.closure,
        "SCHEDULED": any(varies(config[name]) for name in OBJECTS.values() if config[name]),
        "MOMENTA": bool(config["momentum_schedule"]) or task.recipe.schedule.momentum(0, total or 1) is not None,
        "PLATEAU": config["schedule"]["_target_"].endswith("ReduceOnPlateau"),
        **{name: config[key] for name, key in OBJECTS.items()},
    }


def _constants_of_evaluation(config: Mapping[str, Any], task: Task, total: int | None) -> dict[str, Any]:
    """Return the constants of validations: metrics, and the weights that are evaluated, in a run of `total` steps."""
    average = config["average"]
    return {
        "MONITOR": task.monitor,
        "MODE": task.mode,
        "KEEP_OUTPUTS": run_parts.needs_outputs(task),
        "SCORED": type(task).score is not Task.score,
        "AVERAGE": average["kind"],
        "AVERAGE_DECAY": average["decay"],
        "AVERAGE_START": in_steps(average["start"], total) if average["kind"] != "none" else 0,
        "EVALUATION_MODE": has_modes(task.recipe.make(task.model, total)),
    }


def notes_about(job: Job, record: Record, task: Task) -> Iterator[str]:
    """Yield sentences about the differences between a script and its run."""
    if record.versions.get("descentlab (source)") != provenance.origin(job.config)["descentlab (source)"]:
        yield "The source of descentlab has changed since the run: the script contains the present one."
    missing = [str(name) for name in task.valid.metrics if name not in run_parts.exported_metrics(task)]
    if missing:
        yield f"Metrics that are not computed here: {', '.join(missing)}."
    if record.reason:
        yield f"The run ended because {record.reason}; STEPS ends the script there."
