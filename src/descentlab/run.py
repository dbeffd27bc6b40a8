"""One run, top to bottom: config -> data -> task -> trainer -> tracking -> record.

`python -m descentlab.run FOLDER` trains what FOLDER/config.yaml says and leaves the record there. A sweep starts it in a fresh
process; every process of a data-parallel run starts it again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from filelock import FileLock
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch import nn

from descentlab import checkpoints, provenance, ranks, weights
from descentlab.baselines import beside
from descentlab.budget import Plan
from descentlab.callbacks.checkpointing import Checkpointing
from descentlab.callbacks.curves import Curves
from descentlab.callbacks.outcome import Outcome, Stop
from descentlab.callbacks.timing import Clock
from descentlab.data.tensors import Data
from descentlab.explicit import Explicit
from descentlab.interruption import Interrupted, Interruption
from descentlab.messages import UsageError
from descentlab.optim.recipe import Recipe
from descentlab.records import ALIVE, CHECKPOINT, CURVES, FAULT, RECORD, Record, Status, write_json
from descentlab.sinks import Sinks
from descentlab.sweeps.child import how_it_ended
from descentlab.sweeps.plan import Job
from descentlab.tasks.base import Task

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
    _set_up_torch(config)

    data: Data[Any] = _build(config["data"])
    rows = data.splits.sizes()["train"]
    plan = Plan.of(rows, config["batch_size"], config["budget"], config["validate_every"], data.drop_last)
    data.serve(plan, config["data_seed"], config["microbatch"])

    L.seed_everything(config["seed"], verbose=False)
    model: nn.Module = _build(data.fill(config["model"]))
    if config["compile"]:
        model.compile()
    make_task = _build({**data.fill(config["task"]), "_partial_": True})
    recipe = Recipe.of(config, _build)
    task: Task = make_task(model=model, recipe=recipe, total_steps=plan.total, measure_every=config["log_every"])

    saved = checkpoints.read(job.folder) if ranks.is_first() else None
    clock = Clock()
    outcome = Outcome(plan, clock, Stop(**config["stop"]), config["target"])
    with Sinks(job, plan, keep=saved["written"] if saved else 0) as sinks:
        curves = Curves(plan, clock, sinks, config["log_every"])
        checkpointing = Checkpointing(job.folder, saved, interruption, outcome, curves, **config["checkpoint"])
        trainer = _trainer(config, [clock, outcome, curves, checkpointing])
        ready = time.perf_counter()
        interruption.defer()
        _fit(trainer, task, data)
        trained = time.perf_counter()
        if config["baseline"] and outcome.status is Status.COMPLETED:
            outcome.summary |= beside(_build(config["baseline"]), job.choices["baseline"], task, data)
        outcome.summary["test"] = _test(trainer, task, data, outcome)
        sinks.exhibit(_exhibits(task, data) if outcome.summary["test"] else {})
        sinks.conclude({**outcome.summary, "status": outcome.status})

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


def _build(node: dict[str, Any]) -> Any:
    """What `node` describes by its _target_, given plain lists and dicts."""
    return instantiate(node, _convert_="all")


def _set_up_torch(config: dict[str, Any]) -> None:
    warnings.filterwarnings("ignore", module=r"lightning\.")  # advice on what this program decides itself
    warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph")  # optim/step.py breaks the cycle
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_num_threads(config["threads"])
    if config["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which CUDA's matrix products refuse
        torch.use_deterministic_algorithms(True)
    if config["trainer"]["num_nodes"] == 1 and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # or gloo looks the host's name up, which may not resolve


def _trainer(config: dict[str, Any], callbacks: list[L.Callback]) -> L.Trainer | Explicit:
    """The explicit loop, or Lightning's trainer without its own logging, checkpoints, bars and signal handlers.

    Its epoch is the stretch between two validations (the loader ends there), and it begins with a full validation: step 0.
    """
    wanted = config["trainer"]
    if config["engine"] == "explicit":
        return Explicit(callbacks, wanted["accelerator"], wanted["precision"])
    slurm: list[Any] = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    trainer = L.Trainer(
        **{**wanted, "strategy": _strategy(wanted)},
        callbacks=callbacks,
        plugins=slurm,
        max_epochs=-1,
        num_sanity_val_steps=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    # They would talk to the other processes from inside a handler, which may find them in the middle of a collective.
    trainer._signal_connector.register_signal_handlers = lambda: None
    return trainer


def _strategy(trainer: dict[str, Any]) -> Strategy | str:
    """Lightning's word for the strategy, or what it has no word for: FSDP2, with whole weights on the first process."""
    if trainer["strategy"] != "fsdp":
        return trainer["strategy"]
    processes = trainer["devices"] * trainer["num_nodes"]
    return ModelParallelStrategy(processes, tensor_parallel_size=1, save_distributed_checkpoint=False)


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


def _test(trainer: L.Trainer | Explicit, task: Task, data: Data[Any], outcome: Outcome) -> dict[str, float]:
    """The test metrics of the weights that were best on the validation split; nothing for a run that diverged."""
    if outcome.status is Status.DIVERGED or outcome.summary["best_step"] is None:
        return {}
    weights.put(task.model, outcome.best_weights)
    results = trainer.test(task, datamodule=data, verbose=False)[0]
    return {name.removeprefix("test/"): float(value) for name, value in results.items()}


@torch.no_grad()
def _exhibits(task: Task, data: Data[Any]) -> dict[str, bytes | str]:
    """What the weights that were tested have learnt, to look at."""
    task.eval()
    return task.exhibits(next(iter(data.test_dataloader())))


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
