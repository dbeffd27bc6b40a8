"""Runs of studies with given curves, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.store.record import CURVES, Record, Status
from descentlab.studies.runs import Ended, StudyRun


def ended_run(
    folder: Path,
    arm: str = "a",
    seed: int = 0,
    over: Mapping[str, Any] | None = None,
    point: Mapping[str, Any] | None = None,
    curves: Mapping[str, Sequence[float | None]] | None = None,
    diverged: int | None = None,
    role: Any = "report",
    config: Mapping[str, Any] | None = None,
    **summary: Any,
) -> Ended:
    """Return a run whose curves have the given columns; its steps are 0, 10, 20, ..."""
    run = StudyRun(arm, over or {}, point or {}, seed, role)
    name = f"{arm}-{seed}-{len(list(folder.iterdir()))}"
    (folder / name).mkdir()
    columns = dict(curves or {})
    length = max(map(len, columns.values()), default=0)
    rows = [{"step": 10 * place} | {name: values[place] for name, values in columns.items()} for place in range(length)]
    (folder / name / CURVES).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    own = {"steps": 10 * (length - 1), **summary} | ({} if diverged is None else {"diverged_step": diverged})
    status = Status.COMPLETED if diverged is None else Status.DIVERGED
    return Ended(run, Record(name, name, "s", status, {}, dict(config or {}), summary=own, folder=folder / name))
