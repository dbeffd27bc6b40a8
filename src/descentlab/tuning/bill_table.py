"""The bill of a tuning sweep as a table of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.tuning.bill import ArmCost

HEADINGS = ("arm", "trials", "runs", "reused", "steps", "training", "disk")
UNKNOWN = "?"


def bill_lines(costs: Sequence[ArmCost]) -> Iterator[str]:
    """Yield the lines of the table, a row for each arm and one for their sum, and notes on the numbers."""
    rows = [HEADINGS, *map(_row, costs)]
    if len(costs) > 1:
        rows.append(_row(_sum(costs)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
    yield "Steps are those of complete runs: runs that diverge or stop early take fewer. Disk space is a typical value."
    yield f"Seconds of training, without validation and start-up, all runs one after the other: {_source(costs)}."


def _source(costs: Sequence[ArmCost]) -> str:
    if all(cost.measured for cost in costs):
        return "from earlier runs of each arm"
    timed = "steps of each arm were timed on this machine"
    return f"from earlier runs, and {timed} where there are none" if any(cost.measured for cost in costs) else timed


def _sum(costs: Sequence[ArmCost]) -> ArmCost:
    steps = None if any(cost.steps is None for cost in costs) else sum(cost.steps or 0 for cost in costs)
    seconds = None if any(cost.seconds is None for cost in costs) else sum(cost.seconds or 0.0 for cost in costs)
    trials, runs, reused = (sum(getattr(cost, key) for cost in costs) for key in ("trials", "runs", "reused"))
    return ArmCost("in all", "", trials, runs, reused, steps, seconds, True, sum(cost.bytes for cost in costs))


def _row(cost: ArmCost) -> tuple[str, ...]:
    name = f"{cost.problem}: {cost.name}" if cost.problem else cost.name
    steps = UNKNOWN if cost.steps is None else f"{cost.steps:,}"
    seconds = UNKNOWN if cost.seconds is None else _duration(cost.seconds)
    return (name, str(cost.trials), str(cost.runs), str(cost.reused), steps, seconds, _size(cost.bytes))


def _duration(seconds: float) -> str:
    """Return a duration with its largest two units: 42 s, 3 min 20 s, 5 h 3 min."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _size(count: int) -> str:
    return f"{count / 1e6:.2g} MB" if count < 1e9 else f"{count / 1e9:.3g} GB"
