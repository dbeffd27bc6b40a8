"""Steps after training: comparison with the baseline, test, artifacts of the tested weights, record."""

from __future__ import annotations

import sys
import traceback
from functools import partial
from typing import Any

import torch

from descentlab.baselines import baseline_metrics
from descentlab.config.build import build
from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.parallel import ranks, weights
from descentlab.store import provenance
from descentlab.store.job import Job
from descentlab.store.record import CHECKPOINT, CURVES, LAYERS, Record, Status, finite
from descentlab.tasks.base import Task
from descentlab.tracking.sinks import Sinks
from descentlab.training.engines.base import Engine
from descentlab.training.outcome import Outcome
from descentlab.training.setup import RunObservers


def conclude(job: Job, engine: Engine, task: Task, data: Data[Any], observers: RunObservers, sinks: Sinks) -> None:
    """Add the results of baseline, test and artifacts to the outcome's summary, and close the sinks with it."""
    outcome = observers.outcome
    if job.config["baseline"] and outcome.status is Status.COMPLETED:
        outcome.add(_compare(job, task, data))
    compiled = "step" if getattr(task.step, "is_compiled", False) else job.core.compile is True
    outcome.add({"kernels": task.step.kernels, "compile": compiled})
    outcome.add(_test(engine, task, data, observers))
    if outcome.summary["test"]:
        outcome.add(_artifacts(engine, task, data, sinks))
    outcome.add(sinks.conclude({**outcome.summary, "status": outcome.status}))


def _compare(job: Job, task: Task, data: Data[Any]) -> dict[str, Any]:
    """Return the summary's entries about the run's baseline. An error in it is reported, and the run keeps its result."""
    name = job.choices.get("baseline", "baseline")
    results = baseline_metrics(partial(build, job.config["baseline"]), name, task, data)
    if "error" in results["baseline"] and ranks.is_first():
        error = results["baseline"]["error"]
        print(f"the baseline {name} is left out, the run keeps its result: {error}", file=sys.stderr)
    return results


def _test(engine: Engine, task: Task, data: Data[Any], observers: RunObservers) -> dict[str, Any]:
    """Return the test metrics of the weights that were best on the validation split, and the reasons of undefined ones.

    If no validation was the best, the last weights are tested. A run that diverged has no test metrics.
    """
    outcome: Outcome = observers.outcome
    if outcome.status is Status.DIVERGED or "valid" not in outcome.summary:
        return {"test": {}}
    weights.set_weights(task.model, outcome.best_weights)
    metrics = engine.test(task, data, observers)
    return {
        "test": finite(metrics),
        "undefined": {f"test/{name}": reason for name, reason in task.test.undefined.items()},
    }


@torch.no_grad()
def _artifacts(engine: Engine, task: Task, data: Data[Any], sinks: Sinks) -> dict[str, Any]:
    """Store the artifacts (images, texts) of the tested weights. An error is reported, and the run keeps its result.

    The first process creates them; if the weights are sharded, all processes do, from the same batch.
    """
    sharded = weights.is_sharded(task.model)
    if not (sharded or ranks.is_first()):
        return {}
    try:
        batch = next(iter(data.test_dataloader()))
        if sharded:
            batch = engine.broadcast(batch)
        task.eval()
        sinks.write_artifacts(task.artifacts(batch))
    except Exception as error:
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        print(f"images and texts are left out, the run keeps its result: {message}", file=sys.stderr)
        return {"exhibits": {"error": message}}
    return {}


def failed(job: Job, error: Exception) -> Record:
    """Report `error` in the log, and return the record of a run that failed because of it."""
    if isinstance(error, UsageError):  # its message names the fix; a traceback would not help
        print(error, file=sys.stderr)
        return job.record(Status.FAILED, str(error))
    traceback.print_exception(error)
    return job.record(Status.FAILED, f"{type(error).__name__}: {error}")


def write_record(record: Record, job: Job) -> int:
    """Write the record of `job`, delete the files that a result makes superfluous, and return the exit code: 0 for a result."""
    record.write(job.folder)
    if not record.status.is_result:
        return 1
    for name in (CURVES, LAYERS) if job.core.checkpoint.keep else (CURVES, LAYERS, CHECKPOINT):
        (job.folder / name).unlink(missing_ok=True)
    return 0


def make_record(job: Job, data: Data[Any], outcome: Outcome, timings: dict[str, float | None], device: str) -> Record:
    """Return the record of a run that ended with `outcome`; `timings` as in the record."""
    return Record(
        id=job.id,
        name=job.name,
        sweep=job.sweep,
        status=outcome.status,
        reason=outcome.reason,
        choices=job.choices,
        config=job.config,
        summary=outcome.summary,
        timings=timings,
        data={
            "name": job.choices.get("data"),
            "rows": data.splits.sizes(),
            "digest": data.splits.digest(),
            "columns": data.columns,
            "warnings": data.warnings,
        },
        code=provenance.code(),
        versions=provenance.origin(job.config),
        hardware={**provenance.hardware(), "threads": job.core.threads, "device": device},
        attempt=job.attempt,
    )
