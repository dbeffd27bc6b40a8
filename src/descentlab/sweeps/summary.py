"""Write the report of a sweep, and print its statement, tables and follow-up commands; import its libraries before."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from descentlab.store.commands import remember
from descentlab.tracking.writer import Writer


def import_early() -> None:
    """Import the libraries of the report, and prepare what is the same in every page.

    This takes two seconds of a core: a thread of low priority does it while the launcher loads torch and runs train.
    """

    def libraries() -> None:
        with contextlib.suppress(Exception):  # `show` reports what is wrong
            if sys.platform == "linux":  # where a thread has its own priority
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            from descentlab.report import page, panels, sceptic

            import_module("descentlab.tracking.summary")
            for room in (panels, sceptic):
                for module in pkgutil.iter_modules(room.__path__):
                    import_module(f"{room.__name__}.{module.name}")
            page.prepare()

    threading.Thread(target=libraries, daemon=True).start()


def show(sweep: Path, asked: Mapping[str, Any] | None, writer: Writer) -> None:
    """Build the report of `sweep`; print its statement, its tables, the path of the page, and follow-up commands.

    Args:
        sweep: the folder.
        asked: the node `report` of the config; a question that the runs cannot answer is reported and replaced by the default.
        writer: writes the W&B runs; the follow-up commands depend on them.
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
    writer.wait()
    for line, purpose in [(os.path.relpath(path), "the report: open it in a browser"), *page.commands([sweep])]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
    if message := write_summary(results, answers, path, writer):
        Console(stderr=True).print(message, markup=False, soft_wrap=True)


def show_table(sweep: Path) -> None:
    """Write the page of a sweep with records=table; print its statement, the path of the page, and how to read the table."""
    from descentlab.report.drawing.table_data import load_table
    from descentlab.report.table_page import write_table_page
    from descentlab.report.tables import make_console

    data = load_table(sweep)
    if data is None:  # no part is finished
        return
    remember(sweep, sys.argv)
    console = make_console()
    console.print(data.statement, style="bold", markup=False)
    page = os.path.relpath(write_table_page(data, sweep))
    reading = f"descentlab.load({os.fspath(sweep)!r}).runs"
    for line, purpose in [(page, "the report: open it in a browser"), (reading, "the table as a polars frame")]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
