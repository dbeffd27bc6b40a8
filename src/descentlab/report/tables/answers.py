"""Tables of an answer: the differences between entries, and the bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.answer import Answer, Pair
from descentlab.report.bill import BillLine, sum_bills
from descentlab.report.formats import format_count, format_duration, format_p_cell
from descentlab.report.relation import format_difference, logrank_floor
from descentlab.report.statistics.difference import Paired
from descentlab.report.statistics.equivalence import Kind
from descentlab.report.tables.measures import NOT_MEASURED

WORDS = {Kind.EQUAL: "practically equal", Kind.UNDECIDED: "not distinguishable"}
POWER = "power: the estimated probability that as many seeds find a difference of one standard deviation over seeds."
SIMULTANEOUS = "The intervals of the differences hold for all comparisons together (Bonferroni's method)."


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
    number = answer.comparisons
    all_pairs = "" if answer.is_named else ", all pairs of optimizers, since the best was chosen by the same runs"
    correction = f", corrected by Holm's method for {number} comparisons{all_pairs}" if number > 1 else ""
    notes = [f"p of the paired t-test{correction}."]
    notes += [*([SIMULTANEOUS] if number > 1 else []), *_floor(answer.pairs), POWER]
    notes = notes if any(pair.difference for pair in answer.pairs) else []
    floors = dict.fromkeys(floor for pair in answer.pairs if (floor := logrank_floor(pair, answer)))
    return PlainTable(title, headings, rows, [*notes, *(f"Logrank test: {floor}." for floor in floors)])


def _pair_row(pair: Pair, sign: int) -> list[str]:
    """Return the cells of a pair; `sign` 1 describes its first entry, -1 the other one."""
    name = (pair.entry if sign > 0 else pair.other).name
    if pair.logrank is not None:
        p = pair.logrank.p_permutation if pair.p is None else pair.p
        return [name, "logrank test", format_p_cell(p), *[NOT_MEASURED] * 5, "different" if p < 0.05 else WORDS[Kind.UNDECIDED]]
    found, conclusion = pair.difference, pair.conclusion
    if found is None or conclusion is None or pair.p is None:
        return [name, *[NOT_MEASURED] * 7, pair.reason]
    shown = [format_difference(found, sign), format_p_cell(pair.p)]
    paired = isinstance(found, Paired)
    shown += [str(found.n) if paired else f"{found.n_first}, {found.n_second}"]
    shown += [f"{found.correlation:.2f}" if paired and found.correlation is not None else NOT_MEASURED]
    shown += [NOT_MEASURED if found.effect_size is None else f"{sign * found.effect_size + 0.0:.2f}"]
    wins = found.improvement if paired else found.improvement_all
    shown += [f"{wins if sign > 0 else 1 - wins:.0%}", NOT_MEASURED if conclusion.power is None else f"{conclusion.power:.2f}"]
    return [name, *shown, _conclusion(conclusion.kind, sign, conclusion.needed)]


def _exact(pair: Pair) -> list[str]:
    """Return the p-values of the permutation test and of Wilcoxon's (paired) or Mann and Whitney's (unpaired) rank test."""
    found = pair.difference
    if isinstance(found, Paired):
        return [format_p_cell(found.p_permutation), format_p_cell(found.p_wilcoxon)]
    return [NOT_MEASURED, NOT_MEASURED if found is None else format_p_cell(found.p_permutation)]


def _conclusion(kind: Kind, sign: int, needed: int | None) -> str:
    if kind in WORDS:
        more = f" (needs n ≈ {needed:,})" if kind is Kind.UNDECIDED and needed is not None else ""
        return WORDS[kind] + more
    return str(Kind.BETTER if (kind is Kind.BETTER) == (sign > 0) else Kind.WORSE)


def _floor(pairs: Sequence[Pair]) -> list[str]:
    """Return a sentence about the exact tests if no number of wins could make them significant."""
    floors = {pair.difference.p_attainable: pair.difference.n for pair in pairs if isinstance(pair.difference, Paired)}
    return [f"An exact test of {n} pairs cannot give p below {p:.2g}." for p, n in floors.items() if p >= 0.05]


def bill_table(answers: Sequence[Answer]) -> PlainTable:
    """Return the cost of each entry: everything that was trained to select its settings and to report it."""
    tuned = all(entry.arm is not None for answer in answers for entry in answer.entries)
    headings = ["optimizer", "trials" if tuned else "settings", "runs", "steps", "gradient evaluations", "training"]
    rows: list[list[str]] = []
    for answer in answers:
        rows += [[answer.comparison.name, *[""] * 5]] if len(answers) > 1 else []
        rows += [_bill_row(line, "  " if len(answers) > 1 else "") for line in answer.bill.lines]
    total = sum_bills([answer.bill for answer in answers])
    rows += [_bill_row(total)] if sum(len(answer.bill.lines) for answer in answers) > 1 else []
    notes = [f"{total.uncounted} runs without a result left no counts and are not included."] if total.uncounted else []
    return PlainTable("Cost, with everything that was trained to select and to report", headings, rows, notes)


def _bill_row(line: BillLine, indent: str = "") -> list[str]:
    counts = [line.trials, line.runs, line.steps, line.gradient_evaluations]
    return [indent + line.name, *map(format_count, counts), format_duration(line.train_seconds)]
