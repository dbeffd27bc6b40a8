"""Compile a graph of tensor operations ahead of time, and keep the result on disk for all later runs with the same graph."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torch.fx import GraphModule

from descentlab import compat
from descentlab.store.record import read_json, write_json

FOLDER = "DESCENTLAB_CACHE"  # the environment variable that names the folder of the cache
COMPILING = "compiling.json"  # the seconds of a core that the last program took to compile
CPU_INFO = Path("/proc/cpuinfo")  # of Linux


def cache_folder() -> Path:
    """Return the folder of compiled programs, by default ~/.cache/descentlab/programs. It may be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(FOLDER) or Path(home) / "descentlab") / "programs"


def path_of(graph: GraphModule, inputs: Sequence[Tensor]) -> Path:
    """Return the file of the compiled `graph`, named by a hash of all that determines its machine code."""
    content = hashlib.sha256()
    described = [(tuple(each.shape), each.stride(), str(each.dtype), str(each.device)) for each in inputs]
    content.update(repr((graph.code, described, _machine(inputs[0].device), _settings())).encode())
    for name, constant in sorted({**dict(graph.named_buffers()), **dict(graph.named_parameters())}.items()):
        content.update(f"{name} {tuple(constant.shape)} {constant.dtype}".encode())
        content.update(constant.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return cache_folder() / f"{content.hexdigest()[:32]}.pt2"


def _settings() -> tuple[Any, ...]:
    """Return the settings of torch that influence the machine code."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    return torch.__version__, torch.get_num_threads(), torch.get_float32_matmul_precision(), deterministic


def _machine(device: torch.device) -> tuple[str, ...]:
    """Return the processors: code for one may use instructions that another does not have."""
    return platform.machine(), _processor(), torch.cuda.get_device_name(device) if device.type == "cuda" else ""


@cache
def _processor() -> str:
    """Return the instruction sets of the processor where the system lists them, else its name."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def compiled(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """Return `graph` as a compiled function of the same inputs, from the cache if it is there.

    The first call for a graph takes about 10 seconds, and processes that need the same graph wait for it. Later calls take some
    milliseconds.

    Args:
        graph: a function of `inputs`, which it may change in place.
        inputs: tensors with the shapes, strides, types and devices of the calls.

    Raises:
        RuntimeError: there is no C++ compiler, the graph has an operation that cannot be compiled, or the folder of the cache
            cannot be written.
    """
    path = path_of(graph, inputs)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.exists():
                    _write(graph, inputs, path)
    except OSError as error:
        raise RuntimeError(f"{path.parent} cannot be written ({error}); {FOLDER} names another folder") from error
    return compat.flat_call(compat.load_program(path, inputs[0].device.type))


def _write(graph: GraphModule, inputs: Sequence[Tensor], path: Path) -> None:
    """Compile `graph` to `path`, atomically; the caller holds its lock. A killed compiler leaves a folder, deleted here."""
    folder, began = path.with_suffix(".build"), _cpu_seconds()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        compat.compile_program(graph, tuple(inputs), folder / path.name)
        (folder / path.name).replace(path)
        write_json(compiling_file(), {"cpu_seconds": _cpu_seconds() - began})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cpu_seconds() -> float:
    """Return the seconds of a core that this process, and its children that ended, have used: the compiler is one of them.

    Unlike the time by the clock it does not depend on what else this machine does, or on a pause of the process, so that a
    single slow compilation does not prevent all later ones.
    """
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def compiling_file() -> Path:
    """Return the file with the seconds that compiling took, in the parent of the folder of programs."""
    return cache_folder().parent / COMPILING


def known_compiling() -> float | None:
    """Return the seconds of a core that the last program took to compile on this machine; None if there was none."""
    return read_json(compiling_file()).get("cpu_seconds")
