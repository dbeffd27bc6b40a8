"""The charts of a page: their data and the scripts that draw them, as parts of its HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from descentlab.report.alerts import alert_lines
from descentlab.report.answer import Answer
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Curve, CurveFigure, Figure
from descentlab.report.drawing.payload import Arrays, pack, pack_bytes
from descentlab.report.drawing.style import DARK, Style
from descentlab.report.series import Series
from descentlab.report.settings import format_assignment
from descentlab.report.statistics.curves import AXES

SCRIPTS = Path(__file__).parents[1] / "template" / "charts"
FILES = (
    *("unpack", "colors", "state", "smoothing", "curves", "range", "layout"),
    *("figures", "values", "linking", "export", "kept", "start"),
)
PLOTLY, DATA = "charts-library", "charts-data"  # ids of the elements that scripts read

Json = dict[str, Any]


@dataclass
class Charts:
    """Collects the figures of a page."""

    arrays: Arrays = field(default_factory=Arrays)
    figures: list[Json] = field(default_factory=list)
    sections: list[Json] = field(default_factory=list)

    def add_section(self, data: PanelData) -> int:
        """Add the entries, series and alerts that the figures of a comparison share; returns the number of the section."""
        alerts = [{"line": line.series, "step": line.steps[0], "text": line.mark} for line in alert_lines(data.answer)]
        self.sections.append({"entries": _entries(data.answer, data.styles), "lines": _lines(data), "alerts": alerts})
        return len(self.sections) - 1

    def add(self, figure: CurveFigure | Figure, section: int | None = None) -> int:
        """Add a figure of a section, or of several if it is None; returns its number, see the macro `figure_box`."""
        shared: Json = {"title": figure.title, "scale": figure.scale, "levels": figure.levels, "section": section}
        if isinstance(figure, CurveFigure):
            own: Json = {"curves": [self._curve(curve) for curve in figure.curves]}
        else:
            own = {"traces": [_plain(trace) for trace in figure.traces], "layout": dict(figure.layout)}
            own |= {"x": figure.x, "xScale": figure.x_scale, "y": figure.y, "plane": figure.plane}
        self.figures.append(shared | own)
        return len(self.figures) - 1

    def _curve(self, curve: Curve) -> Json:
        rows, knots = curve.rows, curve.knots
        found: Json = {"line": curve.series, "steps": self.arrays.add_steps(rows["step"]), "y": self.arrays.add(rows["y"])}
        if "low" in rows.columns:
            found |= {"low": self.arrays.add(rows["low"]), "high": self.arrays.add(rows["high"])}
        if curve.run:
            found |= {"run": curve.run, "mark": curve.mark}
        return found | {"axes": {axis: self._axis(knots, axis) for axis in AXES[1:]}}

    def _axis(self, knots: pl.DataFrame, axis: str) -> Any:
        """Return the ratio of an x axis to the step if it is constant, otherwise the steps and values of the knots."""
        steps, values = knots["step"].to_list(), knots[axis].to_list()
        ratio = values[-1] / steps[-1] if steps[-1] else 0.0
        if all(math.isclose(value, ratio * step, rel_tol=1e-6) for step, value in zip(steps, values, strict=True)):
            return ratio
        return [self.arrays.add_steps(steps), self.arrays.add(values)]

    def scripts(self, library: str = "") -> Markup:
        """Return the elements that draw the figures, to be placed at the end of the page's body.

        Args:
            library: the path of a file with plotly.js (see `plotly_script`), relative to the page; "": the page contains it.
        """
        data = pack({"figures": self.figures, "sections": self.sections, "dark": DARK}, self.arrays)
        packed = Markup('<script type="application/gzip" id="{}">{}</script>')
        code = Markup("<script>{}</script>").format(Markup(chart_script()))
        loaded = Markup('<script src="{}"></script>').format(library) if library else packed.format(PLOTLY, packed_plotly())
        return Markup("\n").join([loaded, packed.format(DATA, data), code])


def plotly_script() -> str:
    """Return the source of plotly.js, for pages that share one file of it."""
    return get_plotlyjs()


@cache
def chart_script() -> str:
    """Return the script of the charts: the files of template/charts/, as one function."""
    return "\n".join(['(() => {\n"use strict";', *((SCRIPTS / f"{name}.js").read_text("utf-8") for name in FILES), "})();"])


@cache
def packed_plotly() -> str:
    """Return plotly.js as a page contains it, see `payload.pack_bytes`; computed once in a process."""
    return pack_bytes(get_plotlyjs().encode())


def _entries(answer: Answer, styles: dict[str, Style]) -> list[Json]:
    found = [(entry.name, entry.series, styles[entry.series.label]) for entry in answer.entries]
    return [{"name": name, "line": one.label, "color": style.color, "dash": style.dash} for name, one, style in found]


def _lines(data: PanelData) -> dict[str, Json]:
    """Return for the label of each series its name in plots, its entry, its style, and whether the entry selects it."""
    entries = _entry_numbers(data.answer)
    selected = {entry.series.label for entry in data.answer.entries}
    found: dict[str, Json] = {}
    for one in data.all_series:
        style = data.styles[one.label]
        line = {"name": line_name(one), "entry": entries.get(one.label, -1), "selected": one.label in selected}
        rate = one.settings.get("optimizer.lr")
        line |= {"rate": rate if isinstance(rate, int | float) else None, "shade": style.shade}
        found[one.label] = line | {"color": style.color, "dash": style.dash, "n": len(one.completed)}
    return found


def line_name(series: Series) -> str:
    """Return the name of a series in plots: the optimizer and its settings that vary, as in "adam lr=0.01"."""
    role = f" ({series.role})" if series.role in ("default", "superseded") else ""
    return " ".join([series.optimizer, *map(format_assignment, series.differences, series.differences.values())]) + role


def _entry_numbers(answer: Answer) -> dict[str, int]:
    """Return the position of the entry of each series, by label: series that it selects among, and its default."""
    found: dict[str, int] = {}
    for number, entry in enumerate(answer.entries):
        default = [] if entry.default is None else [entry.default]
        found |= {one.label: number for one in (*entry.alternatives, *default, entry.series)}
    by_optimizer = {entry.series.optimizer: number for number, entry in enumerate(answer.entries)}
    rest = [one for one in answer.comparison.series if one.label not in found and one.optimizer in by_optimizer]
    return found | {one.label: by_optimizer[one.optimizer] for one in rest}


def _plain(value: Any) -> Any:
    """Return a value of a trace as JSON has it: NaN and infinities, which plotly does not draw, become null."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
