"""Histogram of over- and under-stepping: where each step ends on a parabola along its direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from descentlab.report.answer import Entry
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace

ORDER = 74
COLUMN = "train/alpha"
OF_RUN = True
BINS, LIMIT = 40, 2.0  # bars from -LIMIT to LIMIT; values beyond are counted in the outermost ones
NOTE = (
    "-1: the step stays at its start, 0: it ends at the minimum along its direction, 1: on the other side at the same height, "
    "above: higher than it began (Cockpit, Schneider et al. 2021). Values beyond ±2 are in the outermost bars."
)


def draw(data: PanelData) -> Figure | None:
    """Draw a histogram over the measured steps of all runs of each optimizer."""
    found = [(entry, _values(data, entry)) for entry in data.answer.entries]
    found = [(entry, values) for entry, values in found if len(values)]
    if not found:
        return None
    summary = "; ".join(f"median of {entry.name} {np.median(values):.2g}" for entry, values in found)
    traces = [_bars(data, entry, values) for entry, values in found]
    layout = {"barmode": "overlay", "bargap": 0.0, "xaxis": {"range": [-LIMIT, LIMIT]}}
    title = "Over- and under-stepping (alpha)"
    return Figure(title, traces, "linear", "alpha", "linear", "fraction of steps", layout=layout, note=NOTE, summary=summary)


def _values(data: PanelData, entry: Entry) -> NDArray[np.float64]:
    frames = [data.frames[run.id] for run in entry.series.runs]
    values = [frame[COLUMN].to_numpy() for frame in frames if COLUMN in frame.columns]
    joined = np.concatenate(values) if values else np.zeros(0)
    return joined[np.isfinite(joined)]


def _bars(data: PanelData, entry: Entry, values: NDArray[np.float64]) -> Trace:
    counts, edges = np.histogram(np.clip(values, -LIMIT, LIMIT), BINS, (-LIMIT, LIMIT))
    return {
        "type": "bar",
        "series": entry.series.label,
        "name": entry.name,
        "x": ((edges[1:] + edges[:-1]) / 2).tolist(),
        "y": (counts / len(values)).tolist(),
        "width": [2 * LIMIT / BINS] * BINS,
        "marker": {"color": data.styles[entry.series.label].color},
        "opacity": 0.55,
        "hovertemplate": f"{entry.name}, alpha %{{x:.2f}}: %{{y:.1%}}<extra></extra>",
    }
