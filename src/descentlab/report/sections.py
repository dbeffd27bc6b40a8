"""The contents of the page's sections, as plain values for the template."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descentlab.report.alerts import alert_groups, alerts_elsewhere
from descentlab.report.answer import Answer, Entry
from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.charts import Charts
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Drawing, Fold, Html
from descentlab.report.drawing.style import Style
from descentlab.report.drawing.table_data import TableData
from descentlab.report.panels import draw_panels
from descentlab.report.series import Series
from descentlab.report.settings import MISSING, flatten, format_assignment, format_value, varying_keys
from descentlab.report.tables.answers import bill_table, pairs_table
from descentlab.report.tables.gains import gains_table
from descentlab.report.tables.measures import NOT_MEASURED
from descentlab.report.tables.results import interval_note, metrics_table, results_table
from descentlab.report.tables.robust import robust_table
from descentlab.store.record import EXHIBITS, Record, Status

NOT_PROVENANCE = ("name", "columns", "warnings")  # keys of a record's data that the page shows elsewhere
MAX_COLUMNS = 12  # series shown side by side; more columns would not be readable

Artifact = tuple[str, str, str]  # name, "png" or "txt", the text or the image in base 64
DataReading = tuple[str, list[dict[str, str]], list[str]]  # name of the data set, description of each column, warnings


def comparison_section(data: PanelData, charts: Charts) -> dict[str, Any]:
    """Return the contents of one comparison: tables, panels, notes and artifacts; its figures join `charts`."""
    answer = data.answer
    drawn, failures = draw_panels(data)
    number, table = charts.add_section(data), results_table(answer)
    return {
        "number": number,
        "legend": [(entry.name, data.styles[entry.series.label], _settings(entry)) for entry in answer.entries],
        "answer": answer,
        "comparison": answer.comparison,
        "table": table,
        "intervals": interval_note(table),
        "pairs": pairs_table(answer, detailed=True),
        "alerts": alert_groups(answer),
        "alerts_elsewhere": alerts_elsewhere(answer),
        "gains": gains_table(answer),
        "robust": robust_table(answer),
        "bill": bill_table([answer]),
        "panels": [panel_box(each, charts, number) for each in drawn],
        "notes": [*_notes(answer.comparison.runs), *failures],
        "metrics": metrics_table(answer),
        "artifacts": _artifacts(answer.series),
    }


def _settings(entry: Entry) -> str:
    """Return the settings of an entry that its name does not contain, such as "lr=0.01"."""
    words = map(format_assignment, entry.series.differences, entry.series.differences.values())
    return " ".join(word for word in words if word not in entry.name.split())


def across_section(answers: Sequence[Answer], styles: dict[str, Style], charts: Charts) -> dict[str, Any]:
    """Return the panels over several problems, and a note for each that failed; both are empty with one problem."""
    drawn, failures = draw_panels(AcrossData(answers, styles)) if len(answers) > 1 else ([], [])
    return {"panels": [panel_box(each, charts, None) for each in drawn], "notes": failures}


def table_panels(data: TableData, charts: Charts) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the panels of a table of runs, and a note for each that failed."""
    drawn, failures = draw_panels(data)
    return [panel_box(each, charts, None) for each in drawn], failures


def panel_box(drawing: Drawing, charts: Charts, section: int | None) -> dict[str, Any]:
    """Return the title and the note of a panel, and its HTML, its panels, or the number of its figure in `charts`."""
    head = {"title": drawing.title, "note": drawing.note}
    if isinstance(drawing, Html):
        return head | {"html": drawing.html}
    if isinstance(drawing, Fold):
        return head | {"folded": [panel_box(each, charts, section) for each in drawing.figures]}
    return head | {"figure": charts.add(drawing, section), "summary": drawing.summary}


def _artifacts(series: Sequence[Series]) -> list[tuple[str, list[Artifact]]]:
    """Return the images and texts of the first run of each series that has any, with the label of the series."""
    found: list[tuple[str, list[Artifact]]] = []
    for one in series[:MAX_COLUMNS]:
        files = next(filter(None, (sorted((run.folder / EXHIBITS).glob("*.*")) for run in one.runs)), [])
        images = [(file.stem, "png", _base64(file)) for file in files if file.suffix == ".png"]
        texts = [(file.stem, "txt", file.read_text(errors="replace")) for file in files if file.suffix == ".txt"]
        found += [(one.label, [*images, *texts])] if images or texts else []
    return found


def _base64(file: Path) -> str:
    return b64encode(file.read_bytes()).decode()


def _notes(runs: Sequence[Record]) -> list[str]:
    """Return the legend of the marks at the ends of runs that did not complete."""
    ended = {run.status for run in runs} - {Status.COMPLETED, Status.TRAINING}
    notes = ["✕ marks the step at which a run diverged."] if Status.DIVERGED in ended else []
    notes += ["○ marks the last step of a run that failed or was interrupted."] if ended - {Status.DIVERGED} else []
    excluded = "Such a run is excluded from the means and drawn only as far as it stays near the range of the completed runs."
    notes += [excluded] if notes else []
    is_training = any(run.status is Status.TRAINING for run in runs)
    return [*notes, "○ marks the last step so far of a run that is still training."] if is_training else notes


def configs(series: Sequence[Series]) -> dict[str, Any]:
    """Return the configs of series.

    Returns:
        `labels` of the series shown, `rows` of settings that differ (a key and a value per series), `shared` settings (a key
        and a value), and `more`, the number of series that are not shown.
    """
    shown = series[:MAX_COLUMNS]
    keys = varying_keys([one.settings for one in shown])
    rows = [(key, [_setting(one.settings.get(key, MISSING)) for one in shown]) for key in keys]
    seeds = [", ".join(format_value(run.config.get("seed")) for run in one.runs) for one in shown]
    rows += [("seed", seeds)] if len(set(seeds)) > 1 or "," in seeds[0] else []
    shared = [(key, format_value(value)) for key, value in shown[0].settings.items() if key not in keys]
    return {"labels": [one.label for one in shown], "rows": rows, "shared": shared, "more": len(series) - len(shown)}


def _setting(value: Any) -> str:
    return NOT_MEASURED if value is MISSING else format_value(value)


def data_reading(runs: Sequence[Record]) -> list[DataReading]:
    """Return how each data set was read; data sets without column descriptions and warnings are left out."""
    found: dict[str, DataReading] = {}
    for run in runs:
        columns, warnings = run.data.get("columns") or [], run.data.get("warnings") or []
        if columns or warnings:
            name = str(run.data.get("name", "data"))
            found.setdefault(format_value([name, columns, warnings]), (name, columns, warnings))
    return list(found.values())


def provenance(runs: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Return the origin of the results: for data, code, versions and hardware, the distinct values over all runs."""
    facts: dict[str, dict[str, None]] = {}
    for run in runs:
        data = {run.data.get("name", "data"): {key: value for key, value in run.data.items() if key not in NOT_PROVENANCE}}
        parts = {"data": data, "code": run.code, "versions": run.versions, "hardware": run.hardware}
        for key, value in flatten(parts).items():
            if value not in (None, {}):
                facts.setdefault(key.removeprefix("versions."), {})[format_value(value)] = None
    return [(key, list(values)) for key, values in facts.items()]
