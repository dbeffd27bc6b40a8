"""Checks of processes: two runs that share a GPU, and a process group with NCCL."""

from __future__ import annotations

import os
import subprocess
import sys

import torch.distributed as dist
from gpu_checks.lab import DIGITS, EVERY_STEP, ROOT, FailedError, Lab, difference

from descentlab.parallel.collectives import destroy_process_group
from descentlab.store.record import find


def two_runs_share_a_device(lab: Lab) -> str:
    """Train two runs with the ordinary command; on a GPU both at the same time."""
    shared = ("jobs_per_gpu=2",) if lab.device == "cuda" else ()
    places = (f"output_dir={lab.folder}", "sweep=command", f"data_dir={ROOT / 'data'}", "logger=none")
    words = (*DIGITS, "optimizer.lr=0.001,0.01", "budget.epochs=null", "budget.steps=200", lab.trainer, *shared, *places)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "train.py"), "-m", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=lab.folder, env=environment, check=False)
    statuses = [str(record.status) for record in find(lab.folder / "command")]
    if statuses != ["completed"] * 2:
        raise FailedError(f"exit code {done.returncode}, {statuses}: {(done.stdout + done.stderr)[-500:]}")
    return "2 runs completed"


def process_group_trains(lab: Lab) -> str:
    """Train in a process group of one process, with NCCL on a GPU; the losses must be those without a group."""
    accelerator = "gpu" if lab.device == "cuda" else "cpu"
    group = ("trainer=ddp", "trainer.devices=1", f"trainer.accelerator={accelerator}")
    single = lab.train(*DIGITS, *EVERY_STEP).losses
    try:
        found = lab.train(*DIGITS, *EVERY_STEP, *group).losses
        if not dist.is_initialized():
            raise FailedError("no process group was made")
        backend = dist.get_backend()
    finally:
        destroy_process_group()
    if backend != ("nccl" if lab.device == "cuda" else "gloo"):
        raise FailedError(f"the backend is {backend}")
    return f"{backend}: {difference(found, single, 1e-6)}"
