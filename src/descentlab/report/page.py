"""The report of any set of sweeps: one self-contained HTML page, and tables in the same folder."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from markupsafe import escape

from descentlab.report import layout, sections
from descentlab.report.answer import Answer
from descentlab.report.compare import compare
from descentlab.report.drawing.charts import Charts, packed_plotly
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.style import DARK, styles
from descentlab.report.emphasis import emphasised_statements
from descentlab.report.exports import write_exports
from descentlab.report.load import Results, load
from descentlab.report.question import Question
from descentlab.report.run_page import write_run_pages
from descentlab.report.series import format_statuses
from descentlab.report.watch import Live
from descentlab.store.record import write_text

FAILED = """<!doctype html><meta charset="utf-8"><title>descentlab</title>
<p>The page could not be drawn: {error}</p>
{tables}"""
TABLES = "<p>The tables are in the same folder: table.md, table.tex, table.csv, runs.csv.</p>\n"


def build(sweeps: list[Path], out: Path, question: Question | None = None) -> Path:
    """Load `sweeps`, compare their optimizers and write the report.

    Args:
        sweeps: the folders of the sweeps.
        out: the folder to write into; it is created.
        question: what is compared; None: the question that the sweeps keep.

    Returns:
        the path of the page.

    Raises:
        FileNotFoundError: a sweep contains no record.
        UsageError: the runs do not have what the question asks for.
        OSError: a file cannot be written.
    """
    results = load(sweeps)
    asked = question or Question.read(sweeps)
    return write(results, compare(results, asked.by, asked.reference, asked.margin), out)


def write(results: Results, answers: Sequence[Answer], out: Path, live: Live | None = None) -> Path:
    """Write report.html and the files of `exports.FILES`, and return the path of the page.

    If the page cannot be drawn, report.html contains the error and refers to the tables, and the traceback is printed.

    Args:
        results: the runs.
        answers: the answer of each comparison.
        out: the folder; it is created.
        live: if the page is written repeatedly (`watch.watch`), how it finds a newer one. Only the page is written then, since
            the files would contain unfinished runs.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(packed_plotly)  # `render` needs it last
        curves = None if live else write_exports(results, answers, out, threads)
        page = _write_page(results, answers, out, live)
        if curves is not None:
            curves.result()
    return page


def prepare() -> None:
    """Compile the templates and compress the charts' library, so that the first page takes half a second less."""
    layout.compile_templates()
    packed_plotly()


def _write_page(results: Results, answers: Sequence[Answer], out: Path, live: Live | None) -> Path:
    """Write report.html; if it cannot be drawn, the error in its place."""
    page = out / "report.html"
    try:
        text = render(results, answers, out, live, write_run_pages(results.runs, out))
    except Exception as error:  # the tables remain useful without a page
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        print(f"the page could not be drawn{'' if live else ', the tables were written'}: {message}", file=sys.stderr)
        text = FAILED.format(error=escape(message), tables="" if live else TABLES)
    write_text(page, text)  # at once, since a browser may be reading it
    return page


def render(
    results: Results,
    answers: Sequence[Answer],
    folder: Path | None = None,
    live: Live | None = None,
    run_pages: Container[str] = (),
) -> str:
    """Return the HTML of the page in `folder`; None: that of the first sweep. `run_pages`: the ids of runs that have a page."""
    style_of, charts = styles(answers), Charts()
    context = layout.contents(results, answers, folder or results.sweeps[0], run_pages)
    drawn = [sections.comparison_section(PanelData(answer, style_of), charts) for answer in answers]
    across = sections.across_section(answers, style_of, charts)
    return layout.template("page.html.jinja").render(
        title=" + ".join(sweep.resolve().name for sweep in results.sweeps),
        built=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        results=results,
        statements=emphasised_statements(answers),
        statuses=format_statuses(results.runs),
        sections=drawn,
        across=across,
        styles=style_of,
        inks=list(DARK.items()),
        configs=sections.configs([one for answer in answers for one in answer.series]),
        data_reading=sections.data_reading(results.runs),
        provenance=sections.provenance(results.runs),
        next=commands(results.sweeps),
        live=live,
        **(context | {"files": {}} if live else context),  # a live page has no files next to it
        charts=charts.scripts(),
    )


def commands(sweeps: Sequence[Path]) -> list[tuple[str, str]]:
    """Return commands that continue from the report, each with its purpose; paths are relative to the current folder."""
    lines: list[tuple[str, str]] = []
    for curves in (sweep / "wandb" for sweep in sweeps if any((sweep / "wandb").glob("*run-*"))):
        folder = shlex.quote(os.path.relpath(curves))
        lines.append((f"wandb leet {folder}", "browse the curves in the terminal; space adds a run"))
        lines.append((f"wandb sync {folder}", "upload runs that were logged offline"))
    return [*lines, (layout.rebuild_command(sweeps), "rebuild this page")]
