"""The files of a study in the folder of its sweep: the plan, written before its first run, and the verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from descentlab.errors import UsageError
from descentlab.store.record import read_json, write_json

PLAN, VERDICT = "study_plan.json", "verdict.json"  # in the sweep's folder


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check.

    Attributes:
        check: its settings, as the study's file gives them.
        text: its name, or the check and its quantity.
        quantity: the quantity as text.
        verdict: reproduced, not reproduced or inconclusive.
        estimate: the effect; None if it is undefined.
        low, high: its 95 % interval over seeds; None without one.
        n: the number of seeds.
        needed: the number of seeds that would decide; None if the check has decided, or no number would.
        effect: what is estimated.
        bound: the bound of the claim.
        reason: why it is inconclusive or undefined.
        values: the values that were compared: rows of arm, x, seed, value.
        grid: the values over x that were reduced to these, in the same form; empty if nothing was reduced.
        grid_quantity: the quantity of `grid` as text.
    """

    check: dict[str, Any]
    text: str
    quantity: str
    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    needed: int | None
    effect: str
    bound: str
    reason: str
    values: list[dict[str, Any]] = field(default_factory=list)
    grid: list[dict[str, Any]] = field(default_factory=list)
    grid_quantity: str = ""


@dataclass(frozen=True)
class StudyVerdict:
    """What a study found.

    Attributes:
        name, source, claim, shows, differs, row, expected, size: as in its file.
        verdict: the worst of its checks; "incomplete" while runs are missing.
        checks: the outcome of each check.
        arms: name -> overrides.
        selections: the selected point of each arm.
        runs: run id -> arm, over, point, seed and role of each place that the run has in the study.
        tables: the name of the sweep of each table of runs -> its arm and seed.
        seeds: the seeds of the runs that the checks read.
        seconds: of training, over all runs.
        command: the command that repeats it.
        plan: the hash of the plan.
        deviations: how this study deviates from its plan or file.
        notes: sentences about extended grids and runs without a result.
        figure: what the figure shows.
    """

    name: str
    source: str
    claim: str
    shows: str
    differs: str
    row: str
    expected: str
    size: str
    verdict: str
    checks: list[CheckResult]
    arms: dict[str, list[str]]
    selections: list[dict[str, Any]]
    runs: dict[str, list[dict[str, Any]]]
    seeds: list[int]
    seconds: float
    command: str
    plan: str
    deviations: list[str]
    notes: list[str]
    figure: dict[str, Any]
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, sweep: Path) -> None:
        """Write the verdict to the sweep's folder."""
        write_json(sweep / VERDICT, asdict(self), durable=True)

    @classmethod
    def read(cls, sweep: Path) -> StudyVerdict | None:
        """Return the verdict in a sweep's folder; None if it has none.

        Raises:
            UsageError: the file is damaged, or was written by another version of descentlab.
        """
        if not (sweep / VERDICT).exists():
            return None
        content = read_json(sweep / VERDICT)
        try:
            return cls(**{**content, "checks": [CheckResult(**check) for check in content["checks"]]})
        except (KeyError, TypeError) as error:
            raise UsageError(f"{sweep / VERDICT} cannot be read: repeat the command of the study, which writes it") from error


def plan_hash(plan: Mapping[str, Any]) -> str:
    """Return ten hexadecimal digits that depend on the content of a plan."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, default=str).encode()).hexdigest()[:10]


def keep_plan(sweep: Path, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the plan to the sweep's folder if it has none, and return the plan that is there."""
    if not (sweep / PLAN).exists():
        write_json(sweep / PLAN, plan, durable=True)
    return read_json(sweep / PLAN)
