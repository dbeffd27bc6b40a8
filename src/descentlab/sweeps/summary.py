"""Write the report of a sweep, and print its statement, tables and follow-up commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descentlab.store.commands import remember


def show(sweep: Path, asked: Mapping[str, Any] | None = None) -> None:
    """Build the report of `sweep`; print its statement, its tables, the path of the page, and follow-up commands.

    Args:
        sweep: the folder.
        asked: the node `report` of the config; a question that the runs cannot answer is reported and replaced by the default.
    """
    from rich.console import Console

    from descentlab.errors import UsageError  # polars and plotly: imported only when they are needed
    from descentlab.report import page, tables
    from descentlab.report.compare import compare
    from descentlab.report.load import load
    from descentlab.report.question import Question
    from descentlab.tracking.summary import write_summary

    question, results = Question.of(asked), load([sweep])
    try:
        answers = compare(results, question.by, question.reference, question.margin)
    except UsageError as error:
        Console(stderr=True).print(f"{error}; the default is compared instead", markup=False, soft_wrap=True)
        question = Question()
        answers = compare(results)
    question.write(sweep)
    remember(sweep, sys.argv)
    console = tables.make_console()
    tables.show_answers(answers, console)
    path = page.write(results, answers, sweep)
    for line, purpose in [(os.path.relpath(path), "the report: open it in a browser"), *page.commands([sweep])]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
    if message := write_summary(results, answers, path):
        Console(stderr=True).print(message, markup=False, soft_wrap=True)
