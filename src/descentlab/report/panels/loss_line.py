"""Loss along a random direction through the end of a run, as scripts/landscape.py has measured it."""

from __future__ import annotations

from descentlab.report.drawing.analyses import analyses
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace

ORDER = 91
OF_RUN = True
NOTE = (
    "The direction is random, its filters have the norms of the model's (Li et al. 2018): at 1 each filter moved by its "
    "norm, so that widths are comparable."
)


def draw(data: PanelData) -> Figure | None:
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "series": entry.series.label,
            "name": run.name,
            "x": found["x"],
            "y": found["loss"],
            "line": {"color": data.styles[entry.series.label].color, "dash": data.styles[entry.series.label].dash, "width": 2},
            "hovertemplate": f"{run.name} at %{{x:.2f}}: %{{y:.4~g}}<extra></extra>",
        }
        for entry, run, found in analyses(data, "slice")
    ]
    if not traces:
        return None
    return Figure("Loss along a random direction", traces, "loss", "distance from the end of the run", "linear", note=NOTE)
