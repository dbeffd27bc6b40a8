"""The page of a study: the claim, what its source shows, the figure, and each check with its effect, interval and verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from descentlab.report.drawing.charts import Charts
from descentlab.report.drawing.figure import Figure
from descentlab.report.drawing.study_figures import effect_figure, study_figures
from descentlab.report.drawing.style import DARK
from descentlab.report.drawing.table_data import TableData, load_table
from descentlab.report.formats import format_number, format_range, format_seconds
from descentlab.report.layout import template
from descentlab.report.panels.table_map import draw_table
from descentlab.report.sections import panel_box
from descentlab.store.record import find, write_text
from descentlab.store.verdict import CheckResult, StudyVerdict

PAGE = "study.html"


def write(verdict: StudyVerdict, sweep: Path) -> Path:
    """Write study.html into the folder of the sweep, and return its path."""
    page = sweep / PAGE
    write_text(page, render(verdict, sweep))
    return page


def render(verdict: StudyVerdict, sweep: Path) -> str:
    """Return the HTML of the self-contained page of a study."""
    charts = Charts()
    records = {record.id: record for record in find(sweep)}
    tables = _tables(verdict, sweep.parent)
    figures = [*study_figures(verdict, records), *_maps(tables), effect_figure(verdict)]
    runs = len(verdict.runs) + sum(table.size for by_seed in tables.values() for table in by_seed.values())
    return template("study.html.jinja").render(
        verdict=verdict,
        checks=[check_row(check) for check in verdict.checks],
        figures=[panel_box(figure, charts, None) for figure in figures if figure is not None],
        selections=[_selection(one) for one in verdict.selections],
        seeds=seeds_text(verdict.seeds),
        cost=f"{format_seconds(verdict.seconds)} s of training in {runs:,} runs",
        tables=tables,
        inks=list(DARK.items()),
        charts=charts.scripts(),
    )


def _tables(verdict: StudyVerdict, folder: Path) -> dict[str, dict[int, TableData]]:
    """Return the tables of each arm by seed, from the sweeps in `folder`."""
    found: dict[str, dict[int, TableData]] = {}
    for name, place in verdict.tables.items():
        table = load_table(folder / name)
        if table is not None:
            found.setdefault(place["arm"], {})[place["seed"]] = table
    return found


def _maps(tables: Mapping[str, Mapping[int, TableData]]) -> Iterator[Figure]:
    """Yield the map of the first table of each arm."""
    for arm, by_seed in tables.items():
        seed, table = next(iter(by_seed.items()))
        figure = draw_table(table)
        if figure is not None:
            yield replace(figure, title=f"{arm}, seed {seed}: {figure.title[0].lower()}{figure.title[1:]}")


def check_row(check: CheckResult) -> dict[str, str]:
    """Return the cells of a check: what is compared, the estimate with its interval, the bound, the seeds, the verdict."""
    more = f"about {check.needed} seeds would decide" if check.needed else ""
    return {
        "text": check.text,
        "effect": check.effect,
        "estimate": _estimate(check),
        "bound": check.bound,
        "n": str(check.n),
        "verdict": check.verdict,
        "reason": "; ".join(part for part in (check.reason, more) if part),
    }


def _estimate(check: CheckResult) -> str:
    """Return the estimate with its interval as text; "infinite" if a run that diverged makes it infinite."""
    if check.estimate is None:
        return "—"
    numbers = [number for number in (check.estimate, check.low, check.high) if number is not None and math.isfinite(number)]
    if len(numbers) < 3 or check.low == check.high:
        return format_number(check.estimate) if math.isfinite(check.estimate) else "infinite"
    return "{} [{}, {}]".format(*format_range(numbers))


def seeds_text(seeds: list[int]) -> str:
    """Return consecutive seeds as text, such as "2000 to 2004"."""
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"


def _selection(one: Mapping[str, Any]) -> dict[str, str]:
    def text(values: Mapping[str, Any]) -> str:
        return ", ".join(f"{key}={value}" for key, value in values.items())

    name = ", ".join(part for part in (str(one["arm"]), text(one["over"])) if part)
    return {"name": name, "point": text(one["point"]), "tried": str(one["tried"])}
