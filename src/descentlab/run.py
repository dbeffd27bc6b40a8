"""One run, top to bottom: config -> data -> task -> trainer -> tracking -> record.

`python -m descentlab.run FOLDER` trains what FOLDER/config.yaml says and leaves the record there. A sweep starts it in a fresh
process; every process of a data-parallel run starts it again.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import FileLock

from descentlab.baselines import baseline_metrics
from descentlab.config.build import build
from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.parallel import ranks, weights
from descentlab.parallel.post_mortem import how_it_ended
from descentlab.store import checkpoint as checkpoints
from descentlab.store import provenance
from descentlab.store.interruption import Interrupted, Interruption
from descentlab.store.job import Job
from descentlab.store.record import ALIVE, CHECKPOINT, CURVES, FAULT, RECORD, Record, Status, finite, write_json
from descentlab.tasks.base import Task
from descentlab.tracking.sinks import Sinks
from descentlab.training.checkpointing import Checkpointing
from descentlab.training.clock import Clock
from descentlab.training.curves import Curves
from descentlab.training.engines.explicit import Explicit
from descentlab.training.engines.lightning import make_trainer
from descentlab.training.outcome import Outcome, Stop
from descentlab.training.setup import load_data, make_task, plan_of, set_up_torch

REAPED = 5.0  # seconds until a process that died is known to have
RELEASE = 120.0  # seconds until a process of the same run that died elsewhere must have let go


class Died(Exception):
    """Another process of the run died."""


def run(job: Job, interruption: Interruption | None = None) -> Record:
    """Train `job`, from its checkpoint if there is one, and return its record; whoever calls writes it.

    Only the first process of a run writes files and tracks; the record of the others is for nobody.

    Raises:
        Interrupted: `interruption` asked for it; a checkpoint has been saved if training had begun.
    """
    config, began = job.config, time.perf_counter()
    interruption = interruption or Interruption()
    set_up_torch(config)

    data = load_data(config)
    plan = plan_of(config, data)
    data.serve(plan, config["data_seed"], config["microbatch"])
    task = make_task(config, data, plan)

    saved = checkpoints.read(job.folder) if ranks.is_first() else None
    clock = Clock()
    outcome = Outcome(plan, clock, Stop(**config["stop"]), config["target"])
    with Sinks(job, plan, keep=saved["written"] if saved else 0) as sinks:
        curves = Curves(plan, clock, sinks, config["log_every"])
        checkpointing = Checkpointing(job.folder, saved, interruption, outcome, curves, **config["checkpoint"])
        trainer = make_trainer(config, [clock, outcome, curves, checkpointing])
        ready = time.perf_counter()
        interruption.defer()
        _fit(trainer, task, data)
        trained = time.perf_counter()
        if config["baseline"] and outcome.status is Status.COMPLETED:
            outcome.add(_compare(job, task, data))
        outcome.add(_test(trainer, task, data, outcome))
        if outcome.summary["test"]:
            outcome.add(_exhibit(trainer, task, data, sinks))
        outcome.add(sinks.conclude({**outcome.summary, "status": outcome.status}))

    seconds = {"setup": ready - began, "fit": trained - ready, "total": time.perf_counter() - began}
    return _record(job, data, outcome, seconds, str(trainer.strategy.root_device))


def _record(job: Job, data: Data[Any], outcome: Outcome, seconds: dict[str, float], device: str) -> Record:
    return Record(
        id=job.id,
        name=job.name,
        sweep=job.sweep,
        status=outcome.status,
        reason=outcome.reason,
        choices=job.choices,
        config=job.config,
        summary=outcome.summary,
        timings=seconds,
        data={
            "name": job.choices.get("data"),
            "rows": data.splits.sizes(),
            "digest": data.splits.digest(),
            "columns": data.columns,
            "warnings": data.warnings,
        },
        code=provenance.code(),
        versions=provenance.origin(job.config),
        hardware={**provenance.hardware(), "threads": job.config["threads"], "device": device},
        attempt=job.attempt,
    )


def _fit(trainer: L.Trainer | Explicit, task: Task, data: Data[Any]) -> None:
    """Train; where another process of the run has died, say so rather than what came of it here."""
    try:
        trainer.fit(task, datamodule=data)
    except Exception as error:
        if not _lost_another(error):
            raise
        ended: dict[int, int] = {}  # rank -> exit code
        for rank, process in enumerate(getattr(trainer.strategy.launcher, "procs", ()), 1):
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended[rank] = process.wait(REAPED)
        first = min(ended, key=lambda rank: ended[rank], default=None)  # a signal is negative; others end with 1 for its sake
        if first is None or not ended[first]:
            raise Died(f"another process of the run: {error}") from error
        raise Died(f"process {first} of the run: {how_it_ended(ended[first])}") from error


def _lost_another(error: Exception) -> bool:
    """Whether `error` says that a process cannot be reached: never what is wrong with it."""
    return isinstance(error, torch.distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _compare(job: Job, task: Task, data: Data[Any]) -> dict[str, Any]:
    """Return what the summary holds of the run's baseline. A fault in it leaves the run its result."""
    name = job.choices.get("baseline", "baseline")
    found = baseline_metrics(partial(build, job.config["baseline"]), name, task, data)
    if "error" in found["baseline"] and ranks.is_first():
        error = found["baseline"]["error"]
        print(f"the baseline {name} is left out, the run keeps its result: {error}", file=sys.stderr)
    return found


def _test(trainer: L.Trainer | Explicit, task: Task, data: Data[Any], outcome: Outcome) -> dict[str, Any]:
    """Return the test metrics of the best weights on the validation split, and the reasons of those that are undefined.

    Without a best one they are of the last weights; a run that diverged has none.
    """
    if outcome.status is Status.DIVERGED or "valid" not in outcome.summary:
        return {"test": {}}
    weights.put(task.model, outcome.best_weights)
    results = trainer.test(task, datamodule=data, verbose=False)[0]
    found = finite({name.removeprefix("test/"): float(value) for name, value in results.items()})
    return {"test": found, "undefined": {f"test/{name}": reason for name, reason in task.test.undefined.items()}}


@torch.no_grad()
def _exhibit(trainer: L.Trainer | Explicit, task: Task, data: Data[Any], sinks: Sinks) -> dict[str, Any]:
    """Keep pictures and texts of what the tested weights have learnt. A fault in them leaves the run its result.

    One process makes them, unless the weights are in shards: then all do, from the same batch.
    """
    spread = weights.sharded(task.model)
    if not (spread or ranks.is_first()):
        return {}
    try:
        batch = next(iter(data.test_dataloader()))
        if spread:
            batch = tuple(part.to(task.device) for part in trainer.strategy.broadcast(batch))
        task.eval()
        sinks.exhibit(task.exhibits(batch))
    except Exception as error:
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        print(f"pictures and texts are left out, the run keeps its result: {said}", file=sys.stderr)
        return {"exhibits": {"error": said}}
    return {}


def main(folder: Path) -> int:
    """Run the job in `folder` and write its record; returns the exit code."""
    interruption = Interruption()
    interruption.listen()
    job = Job.load(folder)
    provenance.origin(job.config)  # looked at before it is used, not after
    if not ranks.is_first():
        return _leave_to_the_first(_tried(job, interruption), folder)
    with FileLock(folder / ALIVE, timeout=RELEASE):
        (folder / RECORD).unlink(missing_ok=True)  # of an attempt that a cluster has interrupted, to start this one
        record = _tried(job, interruption)
        record.write(folder)
        if record.status.is_result:
            for done_with in (CURVES,) if job.config["checkpoint"]["keep"] else (CURVES, CHECKPOINT):
                (folder / done_with).unlink(missing_ok=True)
    return 0 if record.status.is_result else 1


def _tried(job: Job, interruption: Interruption) -> Record:
    """The record of `job`, whether it came to an end of its own, was interrupted or failed."""
    try:
        return run(job, interruption)
    except Interrupted as reason:
        return job.record(Status.INTERRUPTED, str(reason))
    except Died as died:
        broken = (job.folder / FAULT).exists()  # by an exception, which says more
        return job.record(Status.FAILED if broken else Status.CRASHED, str(died))
    except UsageError as error:  # its text says it all
        print(error, file=sys.stderr)
        return job.record(Status.FAILED, str(error))
    except Exception as error:
        traceback.print_exc()
        return job.record(Status.FAILED, f"{type(error).__name__}: {error}")


def _leave_to_the_first(record: Record, folder: Path) -> int:
    """Say what broke in this process, if the first one cannot know; the exit code tells Lightning whether to end the others."""
    if record.status is Status.FAILED and folder.exists():
        write_json(folder / FAULT, {"reason": record.reason})
    return int(record.status.is_fault)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
