"""The results of sweeps as polars frames, for Python; each frame is tidy: a column per variable and a row per observation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import polars as pl

from descentlab.report.answer import Answer, Pair
from descentlab.report.compare import compare
from descentlab.report.curves_table import curves_frame
from descentlab.report.load import Results
from descentlab.report.question import Question
from descentlab.report.selection import seed_key
from descentlab.report.tables import statements
from descentlab.report.tables.runs import runs_frame

Row = dict[str, Any]

PAIR = ("problem", "by", "entry", "other", "seed", "data_seed", "id", "other_id", "value", "other_value", "difference")
ANSWER = (
    "problem",
    "by",
    "rank",
    "entry",
    "n",
    "mean",
    "low",
    "high",
    "candidates",
    "trials",
    "runs",
    "steps",
    "train_seconds",
)
DIFFERENCE = (
    "entry",
    "other",
    "n",
    "difference",
    "low",
    "high",
    "p",
    "conclusion",
    "margin",
    "needed",
    "correlation",
    "effect_size",
)


@dataclass(frozen=True)
class Sweeps:
    """Finished sweeps, read from disk.

    Every frame is computed when it is first used; ``.to_pandas()`` converts it, if pandas and pyarrow are installed.

    Args:
        results: the records, grouped into comparisons.
        question: the number by which optimizers are compared, the reference, and the margin of equivalence.
    """

    results: Results
    question: Question

    @cached_property
    def details(self) -> list[Answer]:
        """The answer of each problem: its entries, pairs, bill and flags, as objects."""
        return compare(self.results, self.question.by, self.question.reference, self.question.margin)

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row per run: its ids, role, status, config, results and provenance, as in runs.csv.

        A run of a sweep with records=table has the columns of `store.table.read_runs`, and null in the others.
        """
        frames = [table.frame() for table in self.results.tables]
        own = [runs_frame(self.results)] if self.results.comparisons or not frames else []
        return pl.concat([*own, *frames], how="diagonal_relaxed")

    @cached_property
    def curves(self) -> pl.DataFrame:
        """A row per run and logged step.

        Columns: id, problem, optimizer, series and seed of the run; step, examples, gradient_evaluations and train_seconds; a
        column per curve, such as ``train/loss`` and ``valid/accuracy``, with null where it was not measured.
        """
        return curves_frame(self.results)

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """A row per pair: two runs with the same seeds, of an optimizer (`entry`) and of another one (`other`).

        Both started from the same weights and saw the same batches, unless the entries differ in their model or batch size.
        `by` names the compared number, `value` and `other_value` are its values, and `difference` is positive where the entry
        is better, whether the number is maximized or minimized.
        """
        return _frame(PAIR, [row for answer in self.details for pair in answer.pairs for row in _pair_rows(answer, pair)])

    @cached_property
    def differences(self) -> pl.DataFrame:
        """A row per two optimizers that are compared: the mean difference over their pairs, and the conclusion.

        Columns: problem, by, entry, other; the mean difference, positive where the entry is better, with its interval (95 % for
        all comparisons of a problem together) and the number n of pairs; p, corrected by Holm's method; the conclusion (better,
        worse, equal, undecided) and the margin below which a difference is practically zero; if undecided, the number of pairs
        needed to decide; the correlation over seeds and the effect size in standard deviations over seeds. Null where a number
        does not exist.
        """
        rows = [_difference_row(answer, pair) for answer in self.details for pair in answer.pairs]
        return _frame(("problem", "by", *DIFFERENCE), rows)

    @cached_property
    def answers(self) -> pl.DataFrame:
        """A row per optimizer and problem, at its selected settings, the best first.

        Columns: problem, by, rank, entry; mean, low and high of the compared number (95 % interval over n seeds); candidates,
        the number of settings among which it was selected; and what it cost: trials, runs, steps, train_seconds. Null where a
        number does not exist, for example the interval of a single seed.
        """
        return _frame(ANSWER, [row for answer in self.details for row in _answer_rows(answer)])

    @cached_property
    def flags(self) -> pl.DataFrame:
        """A row per flag of the sceptic: problem, kind, subject and message."""
        rows = [{"problem": answer.comparison.name, **asdict(flag)} for answer in self.details for flag in answer.flags]
        return _frame(("problem", "kind", "subject", "message"), rows)

    @cached_property
    def statement(self) -> str:
        """The sentence that the command prints: which optimizer is best, by how much, how surely and at what cost."""
        own = statements(self.details) if self.details else []
        return "\n".join([*own, *(table.statement for table in self.results.tables)])

    def __str__(self) -> str:
        return self.statement


def _frame(columns: Sequence[str], rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame({key: [row.get(key) for row in rows] for key in columns}, strict=False)


def _head(answer: Answer) -> Row:
    return {"problem": answer.comparison.name, "by": answer.by.key}


def _pair_rows(answer: Answer, pair: Pair) -> Iterator[Row]:
    first, second = ({seed_key(run.config): run for run in entry.completed} for entry in (pair.entry, pair.other))
    sign = 1 if answer.mode == "max" else -1
    for run, other in ((first[seeds], second[seeds]) for seeds in first if seeds in second):
        value, other_value = answer.by.get(run), answer.by.get(other)
        difference = sign * (value - other_value) if value is not None and other_value is not None else None
        row = _head(answer) | {"entry": pair.entry.name, "other": pair.other.name, "id": run.id, "other_id": other.id}
        row |= {key: run.config.get(key) for key in ("seed", "data_seed")}
        yield row | {"value": value, "other_value": other_value, "difference": difference}


def _difference_row(answer: Answer, pair: Pair) -> Row:
    found, conclusion = pair.difference, pair.conclusion
    row = _head(answer) | {"entry": pair.entry.name, "other": pair.other.name, "p": pair.p}
    if found is not None:
        row |= {key: getattr(found, key) for key in ("n", "difference", "low", "high", "effect_size")}
        row["correlation"] = getattr(found, "correlation", None)  # of paired runs only
    if conclusion is not None:
        row |= {"conclusion": str(conclusion.kind), "margin": conclusion.margin, "needed": conclusion.needed}
    return row


def _answer_rows(answer: Answer) -> Iterator[Row]:
    for rank, (entry, line) in enumerate(zip(answer.entries, answer.bill.lines, strict=True), 1):
        row = _head(answer) | {"rank": rank, "entry": entry.name, "candidates": entry.candidates}
        row |= {key: getattr(line, key) for key in ("trials", "runs", "steps", "train_seconds")}
        if (found := entry.estimate) is not None:
            row |= {key: getattr(found, key) for key in ("n", "mean", "low", "high")}
        yield row
