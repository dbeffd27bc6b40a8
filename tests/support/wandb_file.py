"""Reading the .wandb file of an offline run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def wandb_records(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the records of a .wandb file by type, as W&B's own reader prints them."""
    line = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    printed = subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout
    found: dict[str, list[dict[str, Any]]] = {}
    for record in map(json.loads, printed.splitlines()):
        found.setdefault(record["type"], []).append(record[record["type"]])
    return found
