"""One run, top to bottom: config -> data -> task -> trainer -> tracking -> record.

`python -m descentlab.run FOLDER` trains what FOLDER/config.yaml says and leaves the record there. A sweep starts it in a fresh
process; every process of a data-parallel run starts it again.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate

from descentlab import provenance
from descentlab.budget import Plan
from descentlab.callbacks.curves import Curves
from descentlab.callbacks.outcome import Outcome, Stop
from descentlab.callbacks.timing import Clock
from descentlab.data.tensors import TensorData
from descentlab.messages import UsageError
from descentlab.records import CurveWriter, Record, Status
from descentlab.sweeps.plan import Job
from descentlab.sweeps.progress import ProgressWriter
from descentlab.tasks.base import Task
from descentlab.tracking import Tracker


def run(job: Job) -> Record:
    """Train `job` and return its record; whoever calls writes it.

    Only the first process of a run writes files and tracks; the record of the others is for nobody.
    """
    config, began = job.config, time.perf_counter()
    _set_up_torch(config)

    data: TensorData = _build(config["data"])
    rows = data.splits.sizes()["train"]
    plan = Plan.of(rows, config["batch_size"], config["budget"], config["validate_every"], data.drop_last)
    data.serve(plan, config["data_seed"], config["microbatch"])

    L.seed_everything(config["seed"], verbose=False)
    parts = {name: _build(config[name]) for name in ("model", "optimizer", "schedule")}
    make_task = _build({**config["task"], "_partial_": True})
    task: Task = make_task(**parts, total_steps=plan.total, measure_every=config["log_every"])

    clock = Clock()
    outcome = Outcome(plan, clock, Stop(**config["stop"]), config["target"])
    writer = CurveWriter(job.folder) if _first_process() else None
    progress = ProgressWriter(job.folder, plan) if _first_process() else None
    with Tracker(job) if _first_process() and config["logger"]["project"] else nullcontext() as tracker:
        curves = Curves(plan, clock, [sink for sink in (writer, progress, tracker) if sink], config["log_every"])
        trainer = _trainer(config, [clock, outcome, curves])
        ready = time.perf_counter()
        trainer.fit(task, datamodule=data)
        trained = time.perf_counter()
        outcome.summary["test"] = _test(trainer, task, data, outcome)
        if tracker:
            tracker.conclude({**outcome.summary, "status": outcome.status})

    if writer:
        writer.seal()
    seconds = {"setup": ready - began, "fit": trained - ready, "total": time.perf_counter() - began}
    return _record(job, data, outcome, seconds, str(trainer.strategy.root_device))


def _first_process() -> bool:
    """Whether this process is the one that writes: global rank 0, as launchers announce it."""
    return all(os.environ.get(variable, "0") == "0" for variable in ("LOCAL_RANK", "NODE_RANK"))


def _record(job: Job, data: TensorData, outcome: Outcome, seconds: dict[str, float], device: str) -> Record:
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
        data={"name": job.choices.get("data"), "rows": data.splits.sizes(), "digest": data.splits.digest()},
        code=provenance.code(),
        versions=provenance.versions(),
        hardware={**provenance.hardware(), "threads": job.config["threads"], "device": device},
    )


def _build(node: dict[str, Any]) -> Any:
    """What `node` describes by its _target_, given plain lists and dicts."""
    return instantiate(node, _convert_="all")


def _set_up_torch(config: dict[str, Any]) -> None:
    warnings.filterwarnings("ignore", module=r"lightning\.")  # advice on what this program decides itself
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_num_threads(config["threads"])
    if config["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which CUDA's matrix products refuse
        torch.use_deterministic_algorithms(True)
    if config["trainer"]["num_nodes"] == 1 and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # or gloo looks the host's name up, which may not resolve


def _trainer(config: dict[str, Any], callbacks: list[L.Callback]) -> L.Trainer:
    """A trainer without Lightning's own logging, checkpoints and bars.

    Its epoch is the stretch between two validations (the loader ends there), and it begins with a full validation: step 0.
    """
    return L.Trainer(
        **config["trainer"],
        callbacks=callbacks,
        max_epochs=-1,
        num_sanity_val_steps=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _test(trainer: L.Trainer, task: Task, data: TensorData, outcome: Outcome) -> dict[str, float]:
    """The test metrics of the weights that were best on the validation split; nothing for a run that diverged."""
    if outcome.status is Status.DIVERGED or not outcome.best_weights:
        return {}
    task.model.load_state_dict(outcome.best_weights)
    results = trainer.test(task, datamodule=data, verbose=False)[0]
    return {name.removeprefix("test/"): float(value) for name, value in results.items()}


def main(folder: Path) -> int:
    """Run the job in `folder` and write its record; returns the exit code."""
    job = Job.load(folder)
    try:
        record = run(job)
    except UsageError as error:  # its text says it all
        print(error, file=sys.stderr)
        record = job.record(Status.FAILED, str(error))
    except Exception as error:
        traceback.print_exc()
        record = job.record(Status.FAILED, f"{type(error).__name__}: {error}")
    if _first_process():
        record.write(folder)
    return 0 if record.status.is_result else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
