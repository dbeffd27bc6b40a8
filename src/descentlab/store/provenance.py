"""The provenance of a result: code, versions, hardware, and the load of the machine."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent
WITHOUT_EFFECT = ("api", "cli", "export", "report", "studies", "sweeps", "tuning")  # subpackages that no run imports
LIBRARIES = ("descentlab", "torch", "torchvision", "lightning", "torchmetrics", "hydra-core", "numpy", "scikit-learn", "wandb")


@functools.cache
def code() -> dict[str, str | bool | None]:
    """Return the git commit, `dirty` (True if files differ from it), and a hash of the source that a run may execute."""
    commit = _git("rev-parse", "HEAD")
    dirty = None if commit is None else bool(_git("status", "--porcelain"))
    return {"commit": commit, "dirty": dirty, "package": _hash(sorted(_executed()), PACKAGE)}


def _executed() -> Iterator[Path]:
    """Yield the files of the package that a run may execute: a change to another one does not change its result."""
    yield from (path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in WITHOUT_EFFECT)


def _hash(files: Iterable[Path], root: Path) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:16]


def origin(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the factors that determine a run's results in addition to its config: hashes of source, versions of libraries.

    Source includes the parts of this package that a run may execute, and the modules outside of it that a _target_ of the
    config names (a module's whole package). A library that a _target_ belongs to is added to the versions.
    """
    nodes = [*config.values(), *(config.get("callbacks") or {}).values()]
    named = {node["_target_"].split(".")[0] for node in nodes if isinstance(node, Mapping) and "_target_" in node}
    foreign = [_module(name) for name in sorted(named - {"descentlab", "torch"})]
    return {**versions(), "descentlab (source)": str(code()["package"]), **dict(filter(None, foreign))}


@functools.cache
def _module(name: str) -> tuple[str, str] | None:
    """Return the name and the identity of the module `name`: the version of its library, else a hash of its source."""
    distributions = metadata.packages_distributions().get(name)
    if distributions:
        return distributions[0], metadata.version(distributions[0])
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        return None  # the trial step reports it
    path = Path(found.origin)
    files = sorted(path.parent.rglob("*.py")) if found.submodule_search_locations else [path]
    return f"{name} (source)", _hash(files, path.parent)


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


@functools.cache
def versions() -> dict[str, str]:
    """Return the version of Python and of every library that can affect results."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


@functools.cache
def hardware() -> dict[str, str | int | None]:
    """Return operating system, processor and cores; nothing that identifies the machine or its owner."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def load_average() -> float | None:
    """Return the number of processes that ran or waited for a core, averaged over the last minute; None if unknown."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):  # not every operating system counts it
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
