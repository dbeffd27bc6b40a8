"""Learning-rate sensitivity (Wortsman et al. 2023) and the width of the basin around the best rate, a row per optimizer."""

from __future__ import annotations

from statistics import fmean

from descentlab.report.criterion import split_label
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Html
from descentlab.report.drawing.html_table import html_table
from descentlab.report.formats import format_number
from descentlab.report.panels.sensitivity import Rates, best_by_rate
from descentlab.report.statistics.estimate import mean
from descentlab.report.statistics.sensitivity import Basin, basin, sensitivity
from descentlab.report.statistics.tuning_curves import Mode
from descentlab.report.tables.measures import NOT_MEASURED
from descentlab.store.record import Status

ORDER = 82
MIN_RATES = 3
TOLERANCE = 0.05
HEADINGS = ("optimizer", "rates", "range", "best rate", "sensitivity", f"rates within {100 * TOLERANCE:.0f} % of the best")
NOTE = """Sensitivity: the mean over the logarithm of the rate of how much worse the best {} is than at the best rate;
values worse than before training, and rates with a diverged run, count as the value before training. It depends on the range.
Neither number has an interval: each is computed from one mean per rate."""


def draw(data: PanelData) -> Html | None:
    """Draw the panel if an optimizer has at least three learning rates and no other setting was tuned with them."""
    tuned = {arm.optimizer for arm in data.comparison.arms if set(arm.space) - {"optimizer.lr", "lr"}}
    found = best_by_rate(data)
    names = dict.fromkeys(one.optimizer for one in data.series)  # the best first
    rates = {name: found[name] for name in names if name in found and name not in tuned}
    rows = [row for name, by_rate in rates.items() if (row := _row(name, by_rate, data))]
    if not rows:
        return None
    note = NOTE.format(split_label(data.comparison, "valid", data.comparison.monitor))
    return Html("Learning-rate sensitivity", html_table(HEADINGS, rows, note))


def _row(name: str, by_rate: Rates, data: PanelData) -> list[str]:
    """Return the cells of an optimizer; empty with fewer than three rates or without a value."""
    mode: Mode = "min" if data.comparison.mode == "min" else "max"
    values = {rate: _value(by_rate, rate) for rate in by_rate if any(run.status.is_result for run in by_rate[rate].runs)}
    found = basin(values, mode, TOLERANCE) if len(values) >= MIN_RATES else None
    if found is None:
        return []
    known = {rate: value for rate, value in values.items() if value is not None}
    best = (min if mode == "min" else max)(known, key=lambda rate: known[rate])
    start = _before_training(data)
    excess = None if start is None else sensitivity(values, mode, start)
    number = NOT_MEASURED if excess is None else format_number(excess)
    return [name, str(len(values)), f"{min(values):.3g} to {max(values):.3g}", f"{best:.3g}", number, _describe(found)]


def _value(by_rate: Rates, rate: float) -> float | None:
    """Return the mean of the best validation value; None if a run diverged or lacks it."""
    runs = by_rate[rate].runs
    if any(run.status is Status.DIVERGED for run in runs):
        return None
    return mean(run.summary.get("best_valid") for run in by_rate[rate].completed)


def _before_training(data: PanelData) -> float | None:
    """Return the mean over runs of the monitored metric at step 0; None if no curve contains it."""
    column = f"valid/{data.comparison.monitor}"
    frames = [frame for frame in data.frames.values() if column in frame.columns and frame.height]
    starts = [frame[column][0] for frame in frames if frame["step"][0] == 0]
    values = [value for value in starts if value is not None]
    return fmean(values) if values else None


def _describe(found: Basin) -> str:
    """Return a text such as "0.001 to 0.1 or more: at least 2.0 decades"."""
    low = f"{found.low:.2g}{' or less' if found.open_low else ''}"
    high = f"{found.high:.2g}{' or more' if found.open_high else ''}"
    return f"{low} to {high}: {'at least ' if found.open_low or found.open_high else ''}{found.decades:.1f} decades"
