"""The files next to the page: tables for reading (Markdown, LaTeX) and for programs (CSV, Parquet)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from descentlab.report import tables
from descentlab.report.answer import Answer
from descentlab.report.curves_table import curves_frame, write_curves
from descentlab.report.load import Results
from descentlab.store.record import PARQUET, write_text

FILES = {  # name of each file, and its contents in words
    "table.md": "the tables in Markdown",
    "table.tex": "the tables in LaTeX, with booktabs",
    "table.csv": "a row per setting, unrounded",
    "runs.csv": "a row per run, with its config and results",
    PARQUET: "the curves of all runs, a row per run and step",
}


def write_exports(results: Results, answers: Sequence[Answer], out: Path, threads: Executor) -> Future[None]:
    """Write FILES into the folder `out`, each atomically: a program may be reading them.

    One of `threads` writes the curves, since compression does not hold Python's lock.

    Returns:
        the future of the curves, which raises OSError if they cannot be written.
    """
    tables.write_series(answers, out / "table.csv")
    tables.write_runs(results, out / "runs.csv")
    write_text(out / "table.md", tables.markdown_tables(answers))
    write_text(out / "table.tex", tables.latex_tables(answers))
    return threads.submit(write_curves, curves_frame(results), out)
