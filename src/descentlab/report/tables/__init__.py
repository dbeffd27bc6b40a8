"""The tables of a report: on the console, in Markdown, in LaTeX and in CSV files."""

from descentlab.report.overall import statements
from descentlab.report.tables.console import make_console, show_answers
from descentlab.report.tables.csv_files import write_series
from descentlab.report.tables.latex import latex_tables
from descentlab.report.tables.markdown import markdown_tables
from descentlab.report.tables.measures import MEASURES
from descentlab.report.tables.runs import write_runs

__all__ = [
    "MEASURES",
    "latex_tables",
    "make_console",
    "markdown_tables",
    "show_answers",
    "statements",
    "write_runs",
    "write_series",
]
