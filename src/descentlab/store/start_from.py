"""The run from whose weights another run starts: the node `start_from` of a config. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from descentlab.store.record import SNAPSHOTS

ID = 10  # digits of a run id, with which the name of a run's folder ends


def snapshot(node: Mapping[str, Any]) -> Path:
    """Return the file with the weights of the run's folder `node["run"]` after `node["step"]` steps."""
    return Path(node["run"]) / SNAPSHOTS / f"{node['step']:09d}.pt"


def missing_start(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message if the node is incomplete, or the weights that it names do not exist."""
    run, step = node["run"], node["step"]
    if (run is None) != (step is None):
        yield "start_from.run and start_from.step belong together: start_from.run=outputs/SWEEP/RUN start_from.step=100"
    elif run is not None and not Path(run).is_dir():
        yield f"start_from.run={run}: no such folder of a run"
    elif run is not None and not snapshot(node).exists():
        steps = sorted(int(path.stem) for path in (Path(run) / SNAPSHOTS).glob("[0-9]*.pt"))
        kept = f"it has those of steps {', '.join(map(str, steps))}" if steps else "train it with checkpoint.snapshots=STEPS"
        yield f"start_from.step={step}: {run} has not kept the weights of this step; {kept}"


def identity(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the node with the id of the run in place of its folder, which may be moved."""
    return {**node, "run": None if node["run"] is None else Path(node["run"]).name[-ID:]}
