"""Check the requirements of a config against this machine: cores, GPUs, accelerators."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from descentlab.store.core import Core


def beyond_this_machine(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each requirement of a resolved config that this machine does not meet."""
    core = Core.of(config)
    accelerator = core.trainer.accelerator
    if core.trainer.devices * cores_of_a_process(config) > cores():
        yield _too_few_cores(core.trainer.devices, core.threads, reading_processes(config))
    if accelerator in ("gpu", "cuda") and not has_gpu():
        yield f"trainer.accelerator={accelerator}: no GPU is visible on this machine; use trainer=cpu"
    if accelerator == "mps" and sys.platform != "darwin":
        yield "trainer.accelerator=mps: this is no Mac; use trainer=cpu"
    if accelerator == "tpu" and find_spec("torch_xla") is None:
        yield "trainer.accelerator=tpu: torch_xla is not installed; use trainer=cpu"


def _too_few_cores(devices: int, threads: int, workers: int) -> str:
    """Return the message for a run that needs more cores than there are, with the keys that can be lowered."""
    lower = {"data.workers": workers > 0, "threads": threads > 1, "trainer.devices": devices > 1}
    keys = " or ".join(key for key, possible in lower.items() if possible)
    needed = f"{devices} x ({threads} + {workers}) = {devices * (threads + workers)}"
    return (
        f"trainer.devices x (threads + data.workers) = {needed} is more than the {cores()} cores of this machine; lower {keys}"
    )


def cores_of_a_process(config: Mapping[str, Any]) -> int:
    """Return the number of cores that each process of a run uses: its threads and the processes that read its data."""
    return config["threads"] + reading_processes(config)


def reading_processes(config: Mapping[str, Any]) -> int:
    """Return the number of processes that read data ahead; 0 unless the data are streamed."""
    return config["data"].get("workers", 0)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_gpu() -> bool:
    """Return True if this machine seems to have a GPU: it is a Mac, or a GPU vendor's command-line tool is installed."""
    return sys.platform == "darwin" or any(map(shutil.which, ("nvidia-smi", "rocm-smi", "xpu-smi")))
