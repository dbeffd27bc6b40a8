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
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not has_gpu())
    threads = core.threads * (core.trainer.devices if on_cpu else 1)
    if threads > cores():
        yield f"trainer.devices x threads = {threads}: more than the {cores()} cores here, which would only be slower"
    if accelerator in ("gpu", "cuda") and not has_gpu():
        yield f"trainer.accelerator={accelerator}: no GPU is visible on this machine; use trainer=cpu"
    if accelerator == "mps" and sys.platform != "darwin":
        yield "trainer.accelerator=mps: this is no Mac; use trainer=cpu"
    if accelerator == "tpu" and find_spec("torch_xla") is None:
        yield "trainer.accelerator=tpu: torch_xla is not installed; use trainer=cpu"


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_gpu() -> bool:
    """Return True if this machine seems to have a GPU: it is a Mac, or a GPU vendor's command-line tool is installed."""
    return sys.platform == "darwin" or any(map(shutil.which, ("nvidia-smi", "rocm-smi", "xpu-smi")))
