"""Loss on the line between the ends of two runs, as scripts/landscape.py has measured it."""

from __future__ import annotations

from descentlab.report.drawing.analyses import analyses
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import COLORS

ORDER = 90
OF_RUN = True
NOTE = (
    "From the end of the first run (0) to that of the second (1). The barrier is the highest loss minus the mean of the ends: "
    "about 0 if both lie in one basin (Frankle et al. 2020)."
)


def draw(data: PanelData) -> Figure | None:
    traces: list[Trace] = []
    heights: list[str] = []
    for number, (entry, run, found) in enumerate(analyses(data, "interpolation-*")):
        name, barrier = f"{run.name} to {found['name']}", float(found["barriers"]["loss"])
        heights.append(f"{name}: barrier {barrier:.3g}")
        style = data.styles[entry.series.label]
        color = style.color if number == 0 else COLORS[number % len(COLORS)]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "series": entry.series.label,
                "name": name,
                "x": found["fractions"],
                "y": found["metrics"]["loss"],
                "line": {"color": color, "width": 2},
                "marker": {"size": 5},
                "hovertemplate": f"{name}, %{{x:.2f}}: %{{y:.4~g}}<extra></extra>",
            }
        )
    if not traces:
        return None
    title, note = "Loss between the ends of two runs", f"{NOTE} {'; '.join(heights)}."
    ticks = {"xaxis": {"tickvals": [0, 0.25, 0.5, 0.75, 1]}}
    return Figure(title, traces, "loss", "fraction of the way", "linear", layout=ticks, note=note, summary="; ".join(heights))
