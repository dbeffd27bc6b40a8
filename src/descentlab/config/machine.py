"""What a config asks of the machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any


def beyond_this_machine(config: Mapping[str, Any]) -> Iterator[str]:
    """What `config` asks of a machine that this one does not have."""
    trainer = config["trainer"]
    on_cpu = trainer["accelerator"] == "cpu" or (trainer["accelerator"] == "auto" and not _has_gpu())
    threads = config["threads"] * (trainer["devices"] if on_cpu else 1)
    if threads > cores():
        yield f"trainer.devices x threads = {threads}: more than the {cores()} cores here, which would only be slower"
    if trainer["accelerator"] in ("gpu", "cuda") and not _has_gpu():
        yield f"trainer.accelerator={trainer['accelerator']}: no GPU is visible on this machine; use trainer=cpu"
    if trainer["accelerator"] == "mps" and sys.platform != "darwin":
        yield "trainer.accelerator=mps: this is no Mac; use trainer=cpu"
    if trainer["accelerator"] == "tpu" and find_spec("torch_xla") is None:
        yield "trainer.accelerator=tpu: torch_xla is not installed; use trainer=cpu"


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _has_gpu() -> bool:
    return sys.platform == "darwin" or any(map(shutil.which, ("nvidia-smi", "rocm-smi", "xpu-smi")))
