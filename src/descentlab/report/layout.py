"""The contents of the page around the charts, as plain values for the template."""

from __future__ import annotations

import os
import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, Template

from descentlab.report.answer import Answer
from descentlab.report.drawing.lead_table import lead_table
from descentlab.report.drawing.marks import MARK_WIDTH
from descentlab.report.exports import FILES
from descentlab.report.load import Results
from descentlab.store.commands import read_commands
from descentlab.store.record import LOG, Record, Status

RUN_PAGE = "report.html"  # in the folder of a run, see `run_page`
LOG_LINES = 20  # of the end of a log that the page shows
LINE_BYTES = 400  # the part of a log that is read, for each line that is shown
MAX_FAILURES = 30  # runs without a result that the page shows


@dataclass(frozen=True)
class Failure:
    """A run without a result.

    Attributes:
        run: its record.
        log: the path of its log, relative to the page.
        lines: the last lines of the log; empty if there is none.
    """

    run: Record
    log: str
    lines: str


def contents(results: Results, answers: Sequence[Answer], folder: Path, pages: Container[str] = ()) -> dict[str, Any]:
    """Return the variables of the template that do not concern charts.

    Args:
        results: the runs.
        answers: the answer of each comparison.
        folder: the folder of the page, to which links are relative.
        pages: the ids of the runs that have a page.
    """
    training = [run for run in results.runs if run.status is Status.TRAINING]
    failed = [run for run in results.runs if not run.status.is_result and run.status is not Status.TRAINING]
    return {
        "leads": [lead_table(answer) for answer in answers],
        "mark_width": MARK_WIDTH,
        "run_pages": {run.id: _relative(run.folder / RUN_PAGE, folder) for run in results.runs if run.id in pages},
        "failures": [_failure(run, folder) for run in failed[:MAX_FAILURES]],
        "training": training,
        "more_failures": len(failed) - MAX_FAILURES,
        "files": FILES,
        "commands": [line for sweep in results.sweeps for line in read_commands(sweep)],
        "commits": _commits(results.runs),
    }


def template(name: str) -> Template:
    """Return the template of a page; the values that it inserts are escaped."""
    return _environment().get_template(name)


def compile_templates() -> None:
    """Compile the templates of all pages, which otherwise happens when each is used for the first time in a process."""
    for name in _environment().list_templates(extensions=["jinja"]):
        template(name)


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent / "template")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def rebuild_command(sweeps: Sequence[Path]) -> str:
    """Return the command that writes the page of `sweeps`; paths are relative to the current folder."""
    return f"python scripts/report.py {' '.join(shlex.quote(os.path.relpath(sweep)) for sweep in sweeps)}"


def log_tail(folder: Path, lines: int = LOG_LINES) -> str:
    """Return the last lines of the log of the run in `folder`; "" if there is none."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LINE_BYTES * lines))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _failure(run: Record, folder: Path) -> Failure:
    return Failure(run, _relative(run.folder / LOG, folder), log_tail(run.folder))


def _relative(path: Path, folder: Path) -> str:
    """Return the address of a file in a page in `folder`."""
    return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())


def _commits(runs: Sequence[Record]) -> list[tuple[str, bool]]:
    """Return the commits with which the runs were trained, and for each whether any of their source files differed from it."""
    found: dict[str, bool] = {}
    for run in runs:
        commit = run.code.get("commit")
        if commit:
            found[commit] = found.get(commit, False) or bool(run.code.get("dirty"))
    return list(found.items())
