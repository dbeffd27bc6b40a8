"""Tables of an answer: the differences between entries, and the bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.answer import Answer, Pair
from descentlab.report.bill import BillLine, sum_bills
from descentlab.report.formats import format_count, format_duration, format_fixed, format_p_cell
from descentlab.report.relation import format_difference, format_needed, logrank_floor
from descentlab.report.statistics.difference import EQUAL_DIFFERENCES, EQUAL_VALUES, Paired, Unpaired
from descentlab.report.statistics.equivalence import Kind
from descentlab.report.statistics.logrank import LogRank
from descentlab.report.tables.measures import NOT_MEASURED

WORDS = {Kind.EQUAL: "practically equal", Kind.UNDECIDED: "not distinguishable"}
# The explanation of columns of the table of differences. A table that lacks the column leaves it out.
EXPLAINED = {
    "effect size": "in standard deviations over seeds, whether seeds are shared or not.",
    "wins": "the fraction of the pairs in which the row is better.",
    "power": "the estimated probability that as many seeds find a difference of one standard deviation over seeds.",
}
ONLY_INTERVAL = "Only the difference has an interval; the other columns describe the same n pairs."
SIMULTANEOUS = "The intervals of the differences hold for all comparisons together (Bonferroni's method)."
LOGRANK = "logrank test"
SEVERAL_PROBES = {"row", "light", "light_model"}  # names of intervals that several probes share
TESTS = {  # methods of differences -> their names in a note
    "paired t": "paired t-test",
    "Welch's t": "Welch's t-test (seeds not shared)",
    EQUAL_DIFFERENCES: "exact test of equal differences",
    EQUAL_VALUES: "exact test of equal values",
    LOGRANK: "logrank test (a run missed the target)",
}


@dataclass(frozen=True)
class PlainTable:
    """A table of strings.

    Args:
        title: the heading above the table.
        headings: the column names; the first column holds text, the others numbers.
        rows: the cells.
        notes: sentences below the table.
    """

    title: str
    headings: list[str]
    rows: list[list[str]]
    notes: list[str]


def pairs_table(answer: Answer, detailed: bool = False) -> PlainTable | None:
    """Return the differences between the entries; None if there is only one entry.

    Each row is about the entry in its first column, compared with the best entry or with the reference of the command;
    positive differences mean that it is better.

    Args:
        answer: the pairs to tabulate.
        detailed: adds the p-values of the exact tests.
    """
    if not answer.pairs or answer.reference is None:
        return None
    base = answer.reference if answer.is_named else answer.best
    title = f"Difference in {answer.by.label} from {base.name} (positive: better)"
    headings = ["optimizer", "difference", "p", "n", "correlation", "effect size", "wins", "power", "conclusion"]
    rows = [_pair_row(pair, 1 if answer.is_named else -1) for pair in answer.pairs]
    if detailed:
        after = headings.index("p") + 1
        headings[after:after] = ["p (permutation)", "p (ranks)"]
        rows = [[*row[:after], *_exact(pair), *row[after:]] for row, pair in zip(rows, answer.pairs, strict=True)]
    return PlainTable(title, headings, rows, [*_test_notes(answer), *_explanations(headings, rows)])


def _test_notes(answer: Answer) -> list[str]:
    """Return a sentence that names the tests that occur, with the correction of their p-values, and others about both."""
    if all(pair.p is None for pair in answer.pairs):
        return []
    methods = [LOGRANK if pair.logrank else pair.difference.method if pair.difference else "" for pair in answer.pairs]
    tests = ", ".join(dict.fromkeys(TESTS.get(method, method) for method in methods if method))
    number, all_pairs = answer.comparisons, "" if answer.is_named else " (all pairs, since these runs also chose the best)"
    correction = f"; corrected by Holm's method for {number} comparisons{all_pairs}" if number > 1 else ""
    simultaneous = [SIMULTANEOUS] if number > 1 and any(pair.difference for pair in answer.pairs) else []
    floors = dict.fromkeys(floor for pair in answer.pairs if (floor := logrank_floor(pair, answer)))
    limits = [*_floor(answer.pairs), *(f"Logrank test: {floor}." for floor in floors)]
    return [f"p: {tests}{correction}.", *simultaneous, *limits]


def _explanations(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the explanation of each column that has a number."""
    shown = [heading for index, heading in enumerate(headings) if any(row[index] != NOT_MEASURED for row in rows)]
    explained = [f"{heading}: {text}" for heading, text in EXPLAINED.items() if heading in shown]
    return [ONLY_INTERVAL, *explained] if explained else []


def _pair_row(pair: Pair, sign: int) -> list[str]:
    """Return the cells of a pair; `sign` 1 describes its first entry, -1 the other one."""
    name = (pair.entry if sign > 0 else pair.other).name
    if pair.logrank is not None:
        return _logrank_row(name, pair, pair.logrank, sign)
    found, conclusion = pair.difference, pair.conclusion
    if found is None or conclusion is None or pair.p is None:
        return [name, *[NOT_MEASURED] * 7, pair.reason]
    shown = [format_difference(found, sign), format_p_cell(pair.p)]
    paired = isinstance(found, Paired)
    shown += [count_cell(found)]
    shown += [format_fixed(found.correlation, 2) if paired and found.correlation is not None else NOT_MEASURED]
    shown += [NOT_MEASURED if found.effect_size is None else format_fixed(sign * found.effect_size, 2)]
    wins = found.improvement if paired else found.improvement_all
    shown += [f"{wins if sign > 0 else 1 - wins:.0%}"]
    shown += [NOT_MEASURED if conclusion.power is None else _format_power(conclusion.power)]
    return [name, *shown, _conclusion(conclusion.kind, sign, conclusion.needed)]


def _format_power(power: float) -> str:
    return "<0.01" if power < 0.005 else f"{power:.2f}"


def _logrank_row(name: str, pair: Pair, test: LogRank, sign: int) -> list[str]:
    p = test.p_permutation if pair.p is None else pair.p
    counts = ", ".join(str(sum(run.status.is_result for run in entry.series.runs)) for entry in (pair.entry, pair.other))
    is_better = (test.statistic > 0) == (sign > 0)
    conclusion = WORDS[Kind.UNDECIDED] if p >= 0.05 else str(Kind.BETTER if is_better else Kind.WORSE)
    return [name, LOGRANK, format_p_cell(p), counts, *[NOT_MEASURED] * 4, conclusion]


def count_cell(found: Paired | Unpaired) -> str:
    """Return the number of pairs, such as "5", or the numbers of seeds of both sides, such as "5, 3"."""
    return str(found.n) if isinstance(found, Paired) else f"{found.n_first}, {found.n_second}"


def _exact(pair: Pair) -> list[str]:
    """Return the p-values of the permutation test and of Wilcoxon's (paired) or Mann and Whitney's (unpaired) rank test."""
    found = pair.difference
    if isinstance(found, Paired):
        return [format_p_cell(found.p_permutation), format_p_cell(found.p_wilcoxon)]
    return [NOT_MEASURED, NOT_MEASURED if found is None else format_p_cell(found.p_permutation)]


def _conclusion(kind: Kind, sign: int, needed: int | None) -> str:
    if kind in WORDS:
        return WORDS[kind] + (f" ({format_needed(needed)})" if kind is Kind.UNDECIDED and needed is not None else "")
    return str(Kind.BETTER if (kind is Kind.BETTER) == (sign > 0) else Kind.WORSE)


def _floor(pairs: Sequence[Pair]) -> list[str]:
    """Return a sentence about the exact tests if no number of wins could make them significant."""
    floors = {pair.difference.p_attainable: pair.difference.n for pair in pairs if isinstance(pair.difference, Paired)}
    return [f"An exact test of {n} pairs cannot give p below {p:.2g}." for p, n in floors.items() if p >= 0.05]


def bill_table(answers: Sequence[Answer]) -> PlainTable:
    """Return the cost of each entry: everything that was trained to select its settings and to report it."""
    tuned = all(entry.arm is not None for answer in answers for entry in answer.entries)
    headings = ["optimizer", "trials" if tuned else "settings", "runs", "steps", "gradient evaluations", "training"]
    total = sum_bills([answer.bill for answer in answers])
    headings += ["diagnostics"] if total.diagnostics_seconds else []
    size, rows = len(headings), list[list[str]]()
    for answer in answers:
        rows += [[answer.comparison.name, *[""] * (size - 1)]] if len(answers) > 1 else []
        rows += [_bill_row(line, "  " if len(answers) > 1 else "")[:size] for line in answer.bill.lines]
    rows += [_bill_row(total)[:size]] if sum(len(answer.bill.lines) for answer in answers) > 1 else []
    notes = [*_bill_notes(total), *_measured_once(answers)]
    return PlainTable("Cost of everything that was trained, to select and to report", headings, rows, notes)


def _bill_notes(total: BillLine) -> list[str]:
    notes: list[str] = []
    if total.diagnostics_seconds:
        notes += ["diagnostics: measured time of the probes, in addition to training."]
    if total.uncounted:
        notes += [f"{_runs(total.uncounted)} without counts: included in runs, but not in the columns after it."]
    if total.superseded:
        notes += [f"{_runs(total.superseded)} of earlier commands, now superseded: included, but not in trials."]
    return notes


def _measured_once(answers: Sequence[Answer]) -> list[str]:
    """Return a note about full probes that some runs measured at their first step only."""
    every = [(run.summary.get("diagnostics") or {}).get("every") or {} for each in answers for run in each.comparison.all_runs]
    names = sorted({name for one in every for name, steps in one.items() if steps is None} - SEVERAL_PROBES)
    if not names:
        return []
    reason = "since the budget of the diagnostics allows no second measurement in so short a run"
    return [f"Measured at the first step only, {reason}: {', '.join(names)}. diagnostics.every=100 measures every 100 steps."]


def _runs(number: int) -> str:
    return f"{number} run{'s' if number > 1 else ''}"


def _bill_row(line: BillLine, indent: str = "") -> list[str]:
    counts = [line.trials, line.runs, line.steps, line.gradient_evaluations]
    return [indent + line.name, *map(format_count, counts), format_duration(line.train_seconds), _diagnostics(line)]


def _diagnostics(line: BillLine) -> str:
    """Return the duration of diagnostics, and its ratio to that of training, such as "0.5 s (1.2%)" or "9.1 s (2.5 x)"."""
    if not line.diagnostics_seconds or not line.train_seconds:
        return NOT_MEASURED
    ratio = line.diagnostics_seconds / line.train_seconds
    return f"{format_duration(line.diagnostics_seconds)} ({f'{ratio:.1%}' if ratio < 1 else f'{ratio:.1f} x'})"
