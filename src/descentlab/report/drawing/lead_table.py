"""The first table of a problem on the page: selected settings of each optimizer, then defaults, baselines and others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.criterion import is_test_function
from descentlab.report.drawing.marks import Mark, draw_marks
from descentlab.report.flag_lines import FlagLine, flag_lines
from descentlab.report.series import Series
from descentlab.report.statistics.estimate import mean
from descentlab.report.tables.answers import SIMULTANEOUS, pairs_table
from descentlab.report.tables.results import LEADING, ResultTable, results_table
from descentlab.store.record import Record, Status

Kind = Literal["entry", "default", "baseline", "other"]
KINDS = ("entry", "default", "baseline", "other")  # in the order of the rows
REFERENCE = "reference"
PARTS = re.compile(  # of "0.9 [0.8, 1.0]", "13 (equal in all 5)", "0.1 [0.0, 0.2]; better"
    r"(?P<value>.*?)(?: (?P<interval>\[.*?\]))?(?: (?P<remark>\(.*?\)))?(?:; (?P<conclusion>.*))?"
)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        heading: its name.
        kind: "name", "compared" (the compared number), "n", "settings", "status", "difference" or "number".
        index: its position in the `ResultTable`; None for the difference.
    """

    heading: str
    kind: str
    index: int | None


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        kind: "entry" for an optimizer at its selected settings, "default" for its default settings in a tuned sweep,
            "baseline", or "other" for settings that were not selected.
        cells: the texts, one for each column.
        tooltips: the reason for each undefined cell, otherwise "".
        label: the label of its series; "" for a baseline.
        runs: the runs of the series.
        flags: the flags that concern the row, each with the position of its line in the table's `flag_lines`.
        mark: the drawing of the compared number; None for rows without a value, and for settings that were not selected.
        summary: settings, number of seeds and, unless all runs completed, statuses. A narrow screen shows it below the name,
            instead of these columns.
        conclusion: the conclusion about the difference from the reference, which a narrow screen shows below `summary`.
    """

    kind: Kind
    cells: list[str]
    tooltips: list[str]
    label: str = ""
    runs: Sequence[Record] = ()
    flags: list[tuple[int, Flag]] = field(default_factory=list)
    mark: Mark | None = None
    summary: str = ""
    conclusion: str = ""


@dataclass(frozen=True)
class LeadTable:
    """The first table of a comparison.

    Attributes:
        columns: name, compared number, n, settings, status unless all completed, difference from the reference, other numbers.
        rows: entries, default settings, baselines, other settings, in this order.
        description: sentences about the order of the rows and the selection of the settings.
        flag_lines: the lines about the flags of the answer.
        has_splits: False for a test function, which has one value instead of those of validation and test.
    """

    columns: list[Column]
    rows: list[Row]
    description: str
    flag_lines: list[FlagLine]
    has_splits: bool

    @property
    def others(self) -> int:
        """The number of rows with settings that were not selected."""
        return sum(row.kind == "other" for row in self.rows)

    @property
    def has_marks(self) -> bool:
        return any(row.mark is not None for row in self.rows)

    @property
    def has_differences(self) -> bool:
        return any(column.kind == "difference" for column in self.columns)

    @staticmethod
    def parts(cell: str) -> dict[str, str]:
        """Return the value, interval, remark and conclusion of a cell of a number, "" for those that it lacks."""
        found = PARTS.fullmatch(cell)
        return {} if found is None else found.groupdict("")


def lead_table(answer: Answer) -> LeadTable:
    """Return the table of an answer. Its cells are those of `results_table`, in the order in which a reader needs them.

    Default and other settings follow the order of their optimizers: of each, the best compared number first, and settings with
    a diverged run last.
    """
    table, differences = results_table(answer), _differences(answer)
    columns = _columns(table, answer, bool(differences))
    lines = flag_lines(answer.flags)
    marks, flags = draw_marks(answer.entries), _flags_by_subject(lines)
    rows: list[Row] = []
    for index in range(len(table.rows) + len(table.baseline_rows)):
        series = table.series[index] if index < len(table.series) else None
        owners = [entry for entry in answer.entries if series is not None and entry.series.label == series.label]
        entry = owners[0] if owners else None
        difference = "" if entry is None else differences.get(entry.name, REFERENCE)
        cells, tooltips = _cells(table, index, columns, difference)
        rows.append(
            Row(
                _kind(series, entry),
                cells,
                tooltips,
                *(("", ()) if series is None else (series.label, series.runs)),
                flags=[flag for each in owners for flag in flags.get(each.name, [])],
                mark=None if entry is None else marks.get(entry.name),
                summary=_summary(columns, cells, series),
                conclusion=difference.partition("; ")[2],
            )
        )
    return LeadTable(
        columns, _sorted(rows, answer), _description(answer, table), lines, not is_test_function(answer.comparison)
    )


def _kind(series: Series | None, entry: Entry | None) -> Kind:
    if series is None:
        return "baseline"
    if entry is not None:
        return "entry"
    return "default" if series.role == "default" else "other"


def _columns(table: ResultTable, answer: Answer, has_differences: bool) -> list[Column]:
    compared = _compared_column(table, answer)
    name, settings, status, n = range(len(LEADING))
    columns = [Column(table.headings[name], "name", name)]
    columns += [] if compared is None else [Column(table.headings[compared], "compared", compared)]
    columns += [Column("n", "n", n), Column("settings", "settings", settings)]
    columns += [] if table.all_completed else [Column("status", "status", status)]
    columns += [Column(_difference_heading(answer), "difference", None)] if has_differences else []
    numbers = [index for index in range(len(LEADING), len(table.headings)) if index != compared]
    return [*columns, *(Column(table.headings[index], "number", index) for index in numbers)]


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


def _cells(table: ResultTable, row: int, columns: Sequence[Column], difference: str) -> tuple[list[str], list[str]]:
    """Return the cells of a row of `table`, whose baselines follow the series, and their tooltips."""
    cells, tooltips = [*table.rows, *table.baseline_rows][row], table.tooltips[row]
    texts = [difference if column.index is None else cells[column.index] for column in columns]
    return texts, ["" if column.index is None else tooltips[column.index] for column in columns]


def _summary(columns: Sequence[Column], cells: Sequence[str], series: Series | None) -> str:
    """Return the text of `Row.summary`."""
    texts = {column.kind: cell for column, cell in zip(columns, cells, strict=True)}
    n = f"n\u00a0=\u00a0{texts['n']}" if texts["n"] else ""
    is_completed = series is not None and len(series.completed) == len(series.runs)
    return ", ".join(filter(None, [texts["settings"], n, "" if is_completed else texts.get("status", "")]))


def _differences(answer: Answer) -> dict[str, str]:
    """Return the difference of each entry from the reference, with its conclusion; empty if no pair has a difference."""
    table = pairs_table(answer)
    if table is None or not answer.has_differences:
        return {}
    rows = (dict(zip(table.headings, row, strict=True)) for row in table.rows)
    return {row["optimizer"]: f"{row['difference']}; {row['conclusion']}" for row in rows}


def _flags_by_subject(lines: Sequence[FlagLine]) -> dict[str, list[tuple[int, Flag]]]:
    found: dict[str, list[tuple[int, Flag]]] = {}
    for position, line in enumerate(lines):
        for flag in line.flags:
            found.setdefault(flag.subject, []).append((position, flag))
    return found


def _sorted(rows: Sequence[Row], answer: Answer) -> list[Row]:
    """Return the rows in the order of KINDS, and the other settings in the order that `lead_table` describes."""
    owners = _owners(answer.entries)

    def order(row: Row) -> tuple[int, int, int, float]:
        position = KINDS.index(row.kind)
        if row.kind in ("entry", "baseline"):
            return position, 0, 0, 0.0
        value = mean(answer.by.get(run) for run in row.runs if run.status is Status.COMPLETED)
        diverged = any(run.status is Status.DIVERGED for run in row.runs)
        owner = owners.get(row.label, len(answer.entries))
        return position, owner, diverged + 2 * (value is None), (value or 0.0) * (1 if answer.mode == "min" else -1)

    return sorted(rows, key=order)


def _owners(entries: Sequence[Entry]) -> Mapping[str, int]:
    """Return the position of the entry to which each series belongs, by its label; a series of several belongs to the first."""
    found: dict[str, int] = {}
    for position, entry in enumerate(entries):
        for series in [*entry.alternatives, *([entry.default] if entry.default else [])]:
            found.setdefault(series.label, position)
    return found


def _description(answer: Answer, table: ResultTable) -> str:
    """Return the text of `LeadTable.description`; without a value there is nothing to describe."""
    by, runs, monitor = answer.by, answer.comparison.runs, answer.comparison.monitor
    if all(by.get(run) is None for run in runs):
        return ""
    has_diverged = any(run.status is Status.DIVERGED for run in runs)
    order = f"Ranked by {by.label} ({'lower' if answer.mode == 'min' else 'higher'} is better)"
    sentences = [f"{order}; optimizers with a diverged run follow the others." if has_diverged else f"{order}."]
    unselected = table.series[table.selected :]
    if unselected:
        split = "" if is_test_function(answer.comparison) else "validation "
        seeds = " with other seeds" if answer.is_tuned else ""
        last = ", those with a diverged run last" if has_diverged else ""
        sentences.append(f"The settings of each optimizer were selected by the best {split}{monitor}{seeds}.")
        if any(one.role == "default" for one in unselected):
            sentences.append("The default settings of each optimizer, with the seeds of the selected ones, follow in grey.")
        if any(one.role != "default" for one in unselected):
            sentences.append(f"The other settings are listed by optimizer, the best {by.label} first{last}.")
    if any(heading.startswith("test ") for heading in table.headings):
        sentences.append("Test values are measured with the weights that were best on validation.")
    if (pairs := pairs_table(answer)) and SIMULTANEOUS in pairs.notes:  # they are wider than those of the values suggest
        sentences.append(SIMULTANEOUS)
    return " ".join(sentences)
