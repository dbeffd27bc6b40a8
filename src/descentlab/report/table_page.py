"""The page of a sweep with records=table: panels of all runs, the best ones, the config and the commands."""

from __future__ import annotations

from pathlib import Path

from descentlab.report import sections
from descentlab.report.drawing.charts import Charts
from descentlab.report.drawing.style import DARK
from descentlab.report.drawing.table_data import TableData
from descentlab.report.formats import format_number
from descentlab.report.layout import rebuild_command, template
from descentlab.report.settings import flatten, format_value
from descentlab.store.commands import read_commands
from descentlab.store.record import write_text
from descentlab.store.table import RUNS

BEST = 10  # runs in the table of the lowest losses


def write_table_page(data: TableData, out: Path) -> Path:
    """Write report.html into the folder `out`, which is created, and return its path."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "report.html"
    write_text(page, render_table(data))
    return page


def render_table(data: TableData) -> str:
    """Return the HTML of the page."""
    charts = Charts()
    panels, notes = sections.table_panels(data, charts)
    columns = [axis.key for axis in data.axes] + [
        name for name in data.runs.columns if name == "last_train_loss" or name.startswith(("valid.", "test."))
    ]
    best = [[_format(row[name]) for name in columns] for row in data.best(BEST)]
    settings = [(key, format_value(value)) for key, value in flatten(data.job.config).items()]
    return template("table.html.jinja").render(
        title=data.sweep.resolve().name,
        data=data,
        panels=panels,
        notes=notes,
        columns=columns,
        best=best,
        settings=settings,
        file=RUNS,
        commands=[*read_commands(data.sweep), rebuild_command([data.sweep])],
        inks=list(DARK.items()),
        charts=charts.scripts(),
    )


def _format(value: object) -> str:
    return format_number(value) if isinstance(value, int | float) else ""
