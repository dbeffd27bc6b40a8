"""The singular values of Muon's updates at the end of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from descentlab.store.record import ANALYSES, CHECKPOINT
from descentlab.studies.runs import Ended, Row

Part = Literal["lowest", "highest"]


def orthogonality(ended: Sequence[Ended], part: Part) -> list[Row]:
    """Return the lowest or the highest singular value of the orthogonalized momentum, over the matrices that Muon trains.

    Args:
        ended: the runs; those that have not kept their checkpoint are left out.
        part: lowest or highest.

    Raises:
        ValueError: `part` is not known.
        UsageError: a run has kept its checkpoint, and Muon trains none of its weights.
    """
    if part not in ("lowest", "highest"):
        raise ValueError(f"no part {part} of singular values; there are lowest, highest")
    choose = min if part == "lowest" else max
    kept = [each for each in ended if (each.record.folder / CHECKPOINT).exists()]
    extremes = [(each.run, _extremes(each.record.folder)) for each in kept]
    return [(run.arm, run.x, run.seed, choose(value for pair in found for value in pair)) for run, found in extremes]


def _extremes(folder: Path) -> list[tuple[float, float]]:
    """Return the smallest and the largest singular value of each matrix of the run in `folder`, measured once."""
    stored = folder / ANALYSES / "orthogonality.json"
    if not stored.exists() or stored.stat().st_mtime < (folder / CHECKPOINT).stat().st_mtime:
        from descentlab.training.finished import load_finished  # import torch
        from descentlab.training.orthogonality import orthogonality as measured

        return list(measured(load_finished(folder)).values())
    return [(low, high) for low, high in json.loads(stored.read_text()).values()]
