"""The content of the W&B run of a study's verdict. Never imports wandb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descentlab.report.study_page import check_row
from descentlab.store.record import Record
from descentlab.store.verdict import StudyVerdict
from descentlab.tracking import names
from descentlab.tracking.writer import Writer


def write_study(verdict: StudyVerdict, records: Sequence[Record], sweep: Path, page: Path) -> str:
    """Write the W&B run of the verdict of a study, if its runs were logged to W&B.

    It is online if they were, and otherwise in the same folder; it replaces that of an earlier command.

    Args:
        verdict: the verdict.
        records: the records of the runs.
        sweep: the folder of the sweep.
        page: the page of the study.

    Returns:
        a message if it could not be written, otherwise "".
    """
    if not names.tracked(sweep):
        return ""
    try:
        with Writer(lambda _message: None) as writer:
            message = writer.write_summary(study_content(verdict, records, sweep, page))
    except Exception as error:  # the study has ended, and its verdict is written
        message = f"{type(error).__name__}: {error}"
    return f"Weights & Biases has no run of the verdict: {message}" if message else ""


def study_content(verdict: StudyVerdict, records: Sequence[Record], sweep: Path, page: Path) -> dict[str, Any]:
    """Return the content of the W&B run of a verdict, with the keys of `summary.content`."""
    rows = [check_row(check) for check in verdict.checks]
    numbers = ("verdict", "estimate", "low", "high", "n")
    checks = [{key: value for key in numbers if (value := getattr(check, key)) is not None} for check in verdict.checks]
    return {
        "sweep": str(sweep.resolve()),
        "run": {
            "id": names.run_id(f"summary-{sweep.name}"),
            "name": names.shortened(f"{verdict.name}: {verdict.verdict}", names.LONGEST),
            "group": "study",
            "job_type": "study",
            "tags": [names.tag("study", verdict.name), names.tag("verdict", verdict.verdict), names.tag("sweep", sweep.name)],
            "notes": verdict.claim,
            **names.destination(records),
            "config": {"study": verdict.name, "size": verdict.size, "seeds": verdict.seeds, "plan": verdict.plan},
        },
        "summary": {
            "claim": verdict.claim,
            "verdict": verdict.verdict,
            "checks": {check.text: found for check, found in zip(verdict.checks, checks, strict=True)},
        },
        "tables": {"tables/checks": {"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]}},
        "curves": [],
        "charts": [],
        "page": str(page.resolve()),
    }
