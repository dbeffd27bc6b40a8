"""Where a result comes from: code, versions, hardware."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parent
LIBRARIES = (
    "descentlab",
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "hydra-core",
    "numpy",
    "scikit-learn",
    "wandb",
)


@functools.cache
def code() -> dict[str, str | bool | None]:
    """The git commit, whether files differ from it, and a hash of the package's source."""
    commit = _git("rev-parse", "HEAD")
    total = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        total.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    dirty = None if commit is None else bool(_git("status", "--porcelain"))
    return {"commit": commit, "dirty": dirty, "package": total.hexdigest()[:16]}


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


@functools.cache
def versions() -> dict[str, str]:
    """The installed version of Python and of every library that could change a number."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


@functools.cache
def hardware() -> dict[str, str | int | None]:
    """The machine: operating system, processor, cores. Nothing that names it or its owner."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
