"""The first table of a problem on the page: a row per optimizer at its selected settings, then baselines and other settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.tables.answers import pairs_table
from descentlab.report.tables.results import LEADING, ResultTable, results_table
from descentlab.store.record import Record

Kind = Literal["entry", "baseline", "other"]
MARK_WIDTH, MARK_PADDING = 130, 6  # of the drawing of an interval, in pixels
REFERENCE = "reference"


@dataclass(frozen=True)
class Mark:
    """The position of a mean and its interval in a drawing of MARK_WIDTH pixels, common to the rows of a table."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        kind: "entry" for an optimizer at its selected settings, "baseline", or "other" for settings that were not selected.
        cells: the texts, one for each heading.
        tooltips: the reason for each undefined cell, otherwise "".
        label: the label of its series; "" for a baseline.
        runs: the runs of the series.
        flags: the positions of the flags that concern the row in the answer's flags.
        mark: the drawing of the compared number; None for rows without a value, and for settings that were not selected.
    """

    kind: Kind
    cells: list[str]
    tooltips: list[str]
    label: str = ""
    runs: Sequence[Record] = ()
    flags: list[int] = field(default_factory=list)
    mark: Mark | None = None


@dataclass(frozen=True)
class LeadTable:
    """The table: name, compared number, n, settings, difference from the reference, the other numbers, and
    status unless all completed.

    Attributes:
        headings: the column names.
        rows: entries, baselines, other settings, in this order.
        texts: the positions of the columns that hold text.
        others: the number of rows with settings that were not selected.
    """

    headings: list[str]
    rows: list[Row]
    texts: list[int]
    others: int


def lead_table(answer: Answer) -> LeadTable:
    """Return the table of an answer. Its cells are those of `results_table`, in the order in which a reader needs them."""
    table = results_table(answer)
    compared = _compared_column(table, answer)
    numbers = [index for index in range(len(LEADING), len(table.headings)) if index != compared]
    name, settings, status, n = range(len(LEADING))
    order = [name, *([] if compared is None else [compared]), n, settings, *numbers]
    order += [] if table.all_completed else [status]
    difference = _differences(answer)
    place = order.index(settings) + 1
    headings = [table.headings[index] for index in order]
    headings[order.index(settings)] = "settings"
    marks, flags = _marks(answer.entries), _flags_by_subject(answer.flags)
    rows: list[Row] = []
    for index, cells in enumerate([*table.rows, *table.baseline_rows]):
        series = table.series[index] if index < len(table.series) else None
        owners = [entry for entry in answer.entries if series is not None and entry.series.label == series.label]
        entry = owners[0] if owners else None
        texts, tooltips = ([each[column] for column in order] for each in (cells, table.tooltips[index]))
        if difference:
            texts.insert(place, "" if entry is None else difference.get(entry.name, REFERENCE))
            tooltips.insert(place, "")
        kind: Kind = "baseline" if series is None else "other" if entry is None else "entry"
        label, runs = ("", []) if series is None else (series.label, series.runs)
        own = [flag for each in owners for flag in flags.get(each.name, [])]
        mark = marks.get(entry.name) if entry is not None else None
        rows.append(Row(kind, texts, tooltips, label, runs, own, mark))
    if difference:
        headings.insert(place, _difference_heading(answer))
    rows.sort(key=lambda row: ("entry", "baseline", "other").index(row.kind))
    text_columns = [index for index, heading in enumerate(headings) if heading in ("optimizer", "settings", "status")]
    return LeadTable(headings, rows, text_columns, sum(row.kind == "other" for row in rows))


def _compared_column(table: ResultTable, answer: Answer) -> int | None:
    """Return the column of the number that is compared; the first column of a number if none has its name."""
    by = answer.by
    names = [f"best valid {by.metric}"] if by.key.startswith("valid/") else [by.label, by.key.replace("_", " ")]
    found = [index for index, heading in enumerate(table.headings) if heading in names]
    return next(iter([*found, *range(len(LEADING), len(table.headings))]), None)


def _difference_heading(answer: Answer) -> str:
    base = answer.reference if answer.is_named else answer.best
    sign = " (positive: better)" if answer.mode == "min" else ""
    return f"difference from {base.name if base else ''}{sign}"


def _differences(answer: Answer) -> dict[str, str]:
    """Return the difference of each entry from the reference, with its conclusion; empty with a single entry."""
    table = pairs_table(answer)
    if table is None:
        return {}
    rows = (dict(zip(table.headings, row, strict=True)) for row in table.rows)
    return {row["optimizer"]: f"{row['difference']}; {row['conclusion']}" for row in rows}


def _marks(entries: Sequence[Entry]) -> dict[str, Mark]:
    """Return the drawing of each entry that has a value, on an axis from the lowest to the highest end of an interval."""
    known = {entry.name: entry.estimate for entry in entries if entry.estimate is not None}
    values = {
        name: (one.mean, *(one.mean if end is None else end for end in (one.low, one.high))) for name, one in known.items()
    }
    lowest = min((min(each) for each in values.values()), default=0.0)
    highest = max((max(each) for each in values.values()), default=0.0)
    if len(values) < 2 or not lowest < highest:
        return {}

    def position(value: float) -> float:
        return round(MARK_PADDING + (value - lowest) / (highest - lowest) * (MARK_WIDTH - 2 * MARK_PADDING), 1)

    return {name: Mark(*map(position, each)) for name, each in values.items()}


def _flags_by_subject(flags: Sequence[Flag]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for position, flag in enumerate(flags):
        found.setdefault(flag.subject, []).append(position)
    return found
