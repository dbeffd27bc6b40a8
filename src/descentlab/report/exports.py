"""The files next to the page: tables for reading (Markdown, LaTeX) and for programs (CSV, Parquet)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from descentlab.report import tables
from descentlab.report.answer import Answer
from descentlab.report.curves_table import write_curves
from descentlab.report.load import Results
from descentlab.store.record import PARQUET

FILES = {  # name of each file, and its contents in words
    "table.md": "the tables in Markdown",
    "table.tex": "the tables in LaTeX, with booktabs",
    "table.csv": "a row per setting, unrounded",
    "runs.csv": "a row per run, with its config and results",
    PARQUET: "the curves of all runs, a row per run and step",
}


def write_exports(results: Results, answers: Sequence[Answer], out: Path) -> None:
    """Write FILES into the folder `out`."""
    tables.write_series(answers, out / "table.csv")
    tables.write_runs(results, out / "runs.csv")
    (out / "table.md").write_text(tables.markdown_tables(answers), encoding="utf-8")
    (out / "table.tex").write_text(tables.latex_tables(answers), encoding="utf-8")
    write_curves(results, out)
