"""Run an exported script with torch and the libraries that torch itself requires, and compare it with its run."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from descentlab.store.record import Record, read_curves

# -I and -S leave the standard library alone in sys.path
START = (
    "import runpy, sys; sys.path.append(sys.argv[1]); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def link_torch(folder: Path) -> Path:
    """Create `folder` with links to the packages of torch and of its requirements, and nothing else; return it."""
    folder.mkdir()
    for name in _requirements("torch"):
        for file in metadata.files(name) or ():
            top = file.parts[0]
            if not top.startswith((".", "__pycache__")) and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    return folder


def _requirements(name: str) -> set[str]:
    found, pending = set(), [name]
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            needs = [Requirement(text) for text in metadata.requires(each) or ()]
            pending += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def run_script(script: Path, site: Path) -> dict[tuple[int, str], float]:
    """Run `script` with the packages in `site` only; return what it prints: (step, name) -> value."""
    command = [sys.executable, "-I", "-S", "-c", START, str(site), str(script)]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=site, check=False)
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def parse(printed: str) -> dict[tuple[int, str], float]:
    """Return the values that a script has printed: (step, name) -> value."""
    values: dict[tuple[int, str], float] = {}
    for line in printed.splitlines():
        step, *pairs = line.split()
        for name, value in (pair.split("=") for pair in pairs):
            values[int(step.removeprefix("step=")), name] = float(value)
    return values


def recorded(record: Record) -> dict[tuple[int, str], float]:
    """Return the values of a record that a script prints: losses, learning rates, validations, the test."""
    curves = read_curves(record.folder)
    names = [name for name in curves.columns if re.match(r"train/(loss|lr)$|valid/", name)]
    found = {(row["step"], name): row[name] for row in curves.iter_rows(named=True) for name in names if row[name] is not None}
    tests = {(record.summary["steps"], f"test/{name}"): value for name, value in record.summary["test"].items()}
    return found | tests


def largest_difference(found: dict[tuple[int, str], float], expected: dict[tuple[int, str], float]) -> float:
    """Return the largest difference of values, relative to those above 1; they must have the same steps and names."""
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    return max(
        0.0 if math.isnan(value) and math.isnan(found[key]) else abs(found[key] - value) / max(1.0, abs(value))
        for key, value in expected.items()
    )
