"""One self-contained HTML page, and the tables beside it, for the runs of any set of sweeps."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from descentlab.report import tables
from descentlab.report.load import MISSING, Loaded, Series, flatten, load, show, statuses, varying
from descentlab.report.panels.figures import panels
from descentlab.report.panels.view import View, styles
from descentlab.report.statistics.estimate import ranked
from descentlab.store.record import EXHIBITS, LOG, Record, Status

NOT_PROVENANCE = ("name", "columns", "warnings")  # of the data in a record: shown elsewhere
COLUMNS = 12  # at most so many configs side by side: more cannot be read
# How SVG draws what plotly calls by name; for a line 2 wide.
DASH_ARRAYS = {
    "solid": "",
    "dash": "6 4",
    "dot": "2 3",
    "dashdot": "6 3 2 3",
    "longdash": "10 4",
    "longdashdot": "10 3 2 3",
}


FAILED = """<!doctype html><meta charset="utf-8"><title>descentlab</title>
<p>The page could not be drawn: {error}</p>
<p>The tables are in the same folder: table.md, table.csv, runs.csv.</p>
"""


def build(sweeps: list[Path], out: Path) -> Path:
    """Write table.csv, runs.csv, table.md and report.html for the runs of `sweeps` into `out`; return the page's path.

    If the page cannot be drawn, the file says so and refers to the tables; the error is printed.

    Raises:
        FileNotFoundError: a sweep holds no record.
        ValueError: a record cannot be read.
        OSError: a file cannot be written.
    """
    loaded = load(sweeps)
    out.mkdir(parents=True, exist_ok=True)
    tables.write_series(loaded.comparisons, out / "table.csv")
    tables.write_runs(loaded, out / "runs.csv")
    (out / "table.md").write_text(tables.markdown(loaded.comparisons), encoding="utf-8")
    page = out / "report.html"
    try:
        text = render(loaded)
    except Exception as error:  # of drawing: the tables are there
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        print(f"the page could not be drawn, the tables were written: {said}", file=sys.stderr)
        text = FAILED.format(error=escape(said))
    page.write_text(text, encoding="utf-8")
    return page


def render(loaded: Loaded) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    looks = styles(loaded)
    return environment.get_template("page.html.jinja").render(
        title=" + ".join(sweep.resolve().name for sweep in loaded.sweeps),
        built=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        loaded=loaded,
        statuses=statuses(loaded.runs),
        sections=[_section(View(comparison, looks)) for comparison in loaded.comparisons],
        swatches={label: (style.color, DASH_ARRAYS[style.dash]) for label, style in looks.items()},
        configs=_configs([one for comparison in loaded.comparisons for one in ranked(comparison)]),
        faults=[(run, run.folder / LOG) for run in loaded.runs if not run.status.is_result],
        reading=_reading(loaded.runs),
        provenance=_provenance(loaded.runs),
        commands=commands(loaded.sweeps),
        plotly=Markup(get_plotlyjs()),
    )


def _section(view: View) -> dict[str, Any]:
    """Return what the page shows of one comparison."""
    failed: list[str] = []
    drawn = panels(view, failed)
    return {
        "comparison": view.comparison,
        "grid": tables.grid(view.comparison),
        "panels": [vars(panel) for panel in drawn],
        "notes": [*_notes(view.comparison.runs), *failed],
        "metrics": tables.test_metrics(view.comparison),
        "exhibits": _exhibits(ranked(view.comparison)),
    }


def _exhibits(series: Sequence[Series]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """What the first run of each series shows: (label, [(name, kind, text or picture in base 64)])."""
    shown: list[tuple[str, list[tuple[str, str, str]]]] = []
    for one in series[:COLUMNS]:
        files = next(filter(None, (sorted((run.folder / EXHIBITS).glob("*.*")) for run in one.runs)), [])
        pictures = [(file.stem, "png", b64encode(file.read_bytes()).decode()) for file in files if file.suffix == ".png"]
        texts = [(file.stem, "txt", file.read_text(errors="replace")) for file in files if file.suffix == ".txt"]
        shown += [(one.label, [*pictures, *texts])] if pictures or texts else []
    return shown


def _notes(runs: Sequence[Record]) -> list[str]:
    """How to read what the panels draw of runs that did not complete."""
    ended = {run.status for run in runs} - {Status.COMPLETED}
    notes = ["✕ marks where a run diverged."] if Status.DIVERGED in ended else []
    notes += ["○ marks where a run broke off."] if ended - {Status.DIVERGED} else []
    return [*notes, "Such a run is drawn until it leaves the frame of the others, and enters no mean."] if notes else []


def _configs(series: Sequence[Series]) -> dict[str, Any]:
    """The settings that differ, a column a series, of which `more` do not fit; `shared`: the others."""
    shown = series[:COLUMNS]
    keys = varying([one.settings for one in shown])
    rows = [(key, [_shown(one.settings.get(key, MISSING)) for one in shown]) for key in keys]
    seeds = [", ".join(show(run.config.get("seed")) for run in one.runs) for one in shown]
    rows += [("seed", seeds)] if len(set(seeds)) > 1 or "," in seeds[0] else []
    shared = [(key, show(value)) for key, value in shown[0].settings.items() if key not in keys]
    return {"labels": [one.label for one in shown], "rows": rows, "shared": shared, "more": len(series) - len(shown)}


def _shown(value: Any) -> str:
    return tables.NONE if value is MISSING else show(value)


def _reading(runs: Sequence[Record]) -> list[tuple[str, list[dict[str, str]], list[str]]]:
    """Return how each data set was read: name, description of each column, warnings; those without either are left out."""
    found: dict[str, tuple[str, list[dict[str, str]], list[str]]] = {}
    for run in runs:
        columns, warnings = run.data.get("columns") or [], run.data.get("warnings") or []
        if columns or warnings:
            name = str(run.data.get("name", "data"))
            found.setdefault(show([name, columns, warnings]), (name, columns, warnings))
    return list(found.values())


def _provenance(runs: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Where the numbers come from: each fact's values over all runs; more than one is worth a second look."""
    facts: dict[str, dict[str, None]] = {}
    for run in runs:
        data = {run.data.get("name", "data"): {key: value for key, value in run.data.items() if key not in NOT_PROVENANCE}}
        parts = {"data": data, "code": run.code, "versions": run.versions, "hardware": run.hardware}
        for key, value in flatten(parts).items():
            if value not in (None, {}):
                facts.setdefault(key.removeprefix("versions."), {})[show(value)] = None
    return [(key, list(values)) for key, values in facts.items()]


def commands(sweeps: Sequence[Path]) -> list[tuple[str, str]]:
    """Lines to type next, with paths from the current folder, each with what it does."""
    lines: list[tuple[str, str]] = []
    for curves in (sweep / "wandb" for sweep in sweeps if any((sweep / "wandb").glob("*run-*"))):
        folder = shlex.quote(os.path.relpath(curves))
        lines.append((f"wandb leet {folder}", "browse the curves in the terminal; space adds a run"))
        lines.append((f"wandb sync {folder}", "upload runs made offline"))
    folders = " ".join(shlex.quote(os.path.relpath(sweep)) for sweep in sweeps)
    return [*lines, (f"python scripts/report.py {folders}", "build this page again")]
