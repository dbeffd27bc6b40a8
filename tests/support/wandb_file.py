"""The offline runs of Weights & Biases in the folder of a sweep, and reading of their .wandb files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMES = {"_timestamp", "_runtime", "_wandb.runtime", "runtime", "start_time", "started_at", "writer_id"}


def wandb_records(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the records of a .wandb file by type, as W&B's own reader prints them."""
    line = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    printed = subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout
    found: dict[str, list[dict[str, Any]]] = {}
    for record in map(json.loads, printed.splitlines()):
        found.setdefault(record["type"], []).append(record[record["type"]])
    return found


def without_times(value: Any) -> Any:
    """Return records of `wandb_records` without times and the ids of the writing process, at any depth."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def offline_runs(sweep: Path, summary: bool = False) -> list[Path]:
    """Return the folders of the offline W&B runs of a sweep: of its runs, or of its summary."""
    return [path for path in sorted(sweep.glob("wandb/offline-run-*")) if ("-summary-" in path.name) == summary]
