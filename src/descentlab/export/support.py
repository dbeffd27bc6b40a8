"""Check of the properties of a run that an exported script cannot reproduce."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.compat import is_batch_norm
from descentlab.data.loading.tensors import Data, TensorData
from descentlab.data.tokens import Tokens
from descentlab.errors import UsageError
from descentlab.export.run_parts import exported_metrics
from descentlab.store.job import Job
from descentlab.store.record import Record
from descentlab.tasks.base import Task

PLAIN_EVALUATION = {"Task", "LanguageModeling", "Reconstruction", "ELBO", "OnSurface"}  # tasks with the base class's loss


def check_config(job: Job, record: Record) -> None:
    """Check a run before its data are read.

    Raises:
        UsageError: a script cannot reproduce the run; the message gives all reasons.
    """
    _refuse(job.name, _config_reasons(job, record))


def check_parts(job: Job, record: Record, data: Data[Any], task: Task) -> None:
    """Check the data and the task of a run.

    Raises:
        UsageError: a script cannot reproduce the run; the message gives all reasons.
    """
    _refuse(job.name, _part_reasons(job, record, data, task))


def _refuse(name: str, found: Iterator[str]) -> None:
    if reasons := list(found):
        raise UsageError(f"{name} cannot be exported:\n" + "\n".join(f"  {reason}" for reason in reasons))


def _config_reasons(job: Job, record: Record) -> Iterator[str]:
    """Yield the reasons against a script that its config and its record give."""
    config, core = job.config, job.core
    if not record.status.is_result:
        yield f"the run is {record.status}, not finished"
    if core.trainer.processes > 1:
        yield f"it was trained by {core.trainer.processes} processes (trainer.strategy={core.trainer.strategy})"
    if core.trainer.precision != "32-true":
        yield f"trainer.precision={core.trainer.precision}: a script trains in 32-true"
    if core.engine != "lightning":
        yield f"engine={core.engine}: its gradients are computed by other operations"
    if config["callbacks"]:
        yield f"callbacks of Lightning ({', '.join(config['callbacks'])})"
    needs = [name for name in ("two_passes", "graph", "random", "model", "total_steps") if config["needs"][name]]
    if needs:
        yield f"the optimizer needs more than a gradient and a closure ({', '.join(needs)})"
    yield from _reasons_around_the_update(config)
    if config["task"].get("z_loss"):
        yield f"task.z_loss={config['task']['z_loss']:g}: the reported losses are not those that are trained"
    if config["task"].get("class_weights"):
        yield f"task.class_weights={config['task']['class_weights']}: a script has no weights of classes"
    if config["needs"]["closure"] and config["decay"]["kind"] == "coupled" and config["decay"]["rate"]:
        yield "decay.kind=coupled with an optimizer that evaluates the loss itself"
    for group in ("model", "task"):
        if not config[group]["_target_"].startswith("descentlab."):
            yield f"{group}._target_={config[group]['_target_']} is not part of descentlab"


def _reasons_around_the_update(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the reasons that the order of batches and the transformations of gradients and weights give."""
    if (config.get("noise") or {}).get("std"):
        yield f"noise.std={config['noise']['std']:g}: a script adds no noise to the gradient"
    if (config.get("start_from") or {}).get("run") is not None:
        yield "start_from: a script draws its initial weights"
    for key in ("orthogonal_gradient", "project"):
        if config.get(key):
            yield f"{key}: a script has no such transformation"
    if (config.get("branch") or {}).get("step") is not None or config["data"].get("shuffle") is False:
        yield "branch, data.shuffle=false: the batches of a script have the order of one seed"


def _part_reasons(job: Job, record: Record, data: Data[Any], task: Task) -> Iterator[str]:
    """Yield the reasons against a script that its data and its task give."""
    config = job.config
    if not isinstance(data, TensorData) or isinstance(data, Tokens):
        yield f"{type(data).__name__}: its examples are read from disk during training"
    elif data.splits.digest() != record.data["digest"]:
        yield "its data have changed since it was trained (the digest differs)"
    owner = next(kind for kind in type(task).__mro__ if "evaluate" in vars(kind))
    if owner.__name__ not in PLAIN_EVALUATION:
        yield f"{type(task).__name__}: its validation is more than a loss and metrics of a batch"
    if task.monitor != "loss" and task.monitor not in exported_metrics(task):
        yield f"task.monitor={task.monitor}: this metric is not available in plain torch"
    weights = config["average"]["kind"] != "none" or "schedule_free" in config["optimizer"]["_target_"].lower()
    if (weights or config["needs"]["closure"]) and any(is_batch_norm(module) for module in task.model.modules()):
        yield "batch normalization, together with averaged weights or an optimizer that evaluates the loss itself"
