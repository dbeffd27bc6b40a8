"""The page of one run: its curves and diagnostics, results, log and config.

Pages of runs share one file with plotly.js, which lies in the folder of the sweep; the page of a sweep contains its own.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from descentlab.errors import describe_error
from descentlab.report.alerts import alert_groups
from descentlab.report.answer import Answer
from descentlab.report.compare import compare_one
from descentlab.report.drawing.charts import Charts, plotly_script
from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure
from descentlab.report.drawing.style import DARK, styles
from descentlab.report.layout import RUN_PAGE, log_tail, template
from descentlab.report.panels import draw_panels
from descentlab.report.sections import panel_box
from descentlab.report.series import Comparison, Group, build_series
from descentlab.report.settings import flatten, format_value
from descentlab.report.statistics.curves import AXES
from descentlab.report.statistics.ranges import UNBOUNDED, bounds_of
from descentlab.store.record import CONFIG, LOG, Record, Status, write_text

LIBRARY = "plotly.js"
LOG_LINES = 200
MOST = 100  # runs of a sweep whose pages are written with that of the sweep


def write_run_pages(runs: Iterable[Record], out: Path) -> set[str]:
    """Write the page of each run of the sweep `out` that ended and has none since then.

    A report in another folder writes nothing into the folders of runs. With more than MOST runs, only those without a result
    get a page; `scripts/report.py SWEEP/RUN` writes that of any run. A message is printed for each page that cannot be drawn or
    written.

    Returns:
        the ids of the runs that have a page.
    """
    known = [run for run in runs if run.status is not Status.TRAINING]
    wanted = known if len(known) <= MOST else [run for run in known if not run.status.is_result][:MOST]
    for run in wanted:
        try:
            if run.folder.parent.resolve() == out.resolve() and not _is_newer(run.folder / RUN_PAGE, run.folder):
                write_run_page(run)
        except Exception as error:  # the other pages are written without it
            print(f"{run.folder / RUN_PAGE} could not be written: {describe_error(error)}", file=sys.stderr)
    return {run.id for run in known if (run.folder / RUN_PAGE).exists()}


def write_run_page(run: Record) -> Path:
    """Write report.html into the folder of the run, and plotly.js into that of the sweep if it is missing; return the page."""
    library, page = run.folder.parent / LIBRARY, run.folder / RUN_PAGE
    if not library.exists():
        write_text(library, plotly_script())
    write_text(page, render_run(run))
    return page


def render_run(run: Record) -> str:
    """Return the HTML of the page of a run."""
    charts = Charts()
    series = build_series([Group([run])], "", "")
    answer = compare_one(Comparison(series[0].problem, series, series[0].problem))
    panels, failures = ([], []) if answer is None else _panels(answer, run, charts)
    summary = {key: value for key, value in run.summary.items() if key != "alerts"}
    return template("run.html.jinja").render(
        run=run,
        sweep=run.folder.resolve().parent.name,
        alerts=[] if answer is None else alert_groups(answer),
        panels=panels,
        failures=failures,
        results=[(key, format_value(value)) for key, value in flatten(summary).items() if value not in (None, {}, [])],
        log=log_tail(run.folder, LOG_LINES),
        log_name=LOG,
        config=_text(run.folder / CONFIG),
        provenance=[
            (key, format_value(value))
            for part in (run.data, run.code, run.versions, run.hardware, run.timings)
            for key, value in flatten(part).items()
            if value not in (None, {}, [])
        ],
        inks=list(DARK.items()),
        charts=charts.scripts(f"../{LIBRARY}"),
    )


def _panels(answer: Answer, run: Record, charts: Charts) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the plots of a run, which join `charts`, and a note for each panel that failed.

    First come the curves that are no panel of their own, then the panels of runs (`panels.draw_panels`).
    """
    data = PanelData(answer, styles([answer]))
    number, rows = charts.add_section(data), data.frames[run.id]
    drawn, failures = draw_panels(data, of_run=True)
    shown = {figure.column for figure in drawn if isinstance(figure, CurveFigure)}
    curves = [
        curve_figure(data, name, name, _scale(name, rows[name]), limited=False, note="") for name in _columns(rows, shown)
    ]
    figures = [*(figure for figure in curves if figure is not None), *drawn]
    return [panel_box(each, charts, number) for each in figures], failures


def _columns(rows: pl.DataFrame, shown: Collection[str] = ()) -> list[str]:
    """Return the measured columns without `shown`: losses first, then the other ones of training and of validation."""
    measured = [name for name in rows.columns if name not in (*AXES, *shown) and rows[name].drop_nulls().len()]
    return sorted(measured, key=lambda name: (not name.endswith("/loss"), not name.startswith("valid/"), name))


def _scale(column: str, values: pl.Series) -> str:
    """Return "loss" for losses, "linear" for numbers within bounds, and "log" for others that span two decades."""
    if column.endswith("loss"):
        return "loss"
    known = values.drop_nulls().drop_nans()
    low, high = known.min(), known.max()
    bounded = bounds_of(column) != UNBOUNDED
    spans = isinstance(low, float) and isinstance(high, float) and 0 < 100 * low < high
    return "log" if spans and not bounded else "linear"


def _is_newer(page: Path, folder: Path) -> bool:
    """Return True if `page` was written after the files of its run in `folder`; scratch files and locks do not count."""
    try:
        written = page.stat().st_mtime_ns
    except OSError:
        return False
    return all(path.stat().st_mtime_ns <= written for path in folder.glob("[!.]*") if path != page)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
