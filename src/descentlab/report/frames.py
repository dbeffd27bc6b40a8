"""The results of sweeps as polars frames, for Python; each frame is tidy: a column per variable and a row per observation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import polars as pl

from descentlab.report.answer import Answer, Entry, Pair
from descentlab.report.compare import compare
from descentlab.report.load import Results
from descentlab.report.selection import seed_key
from descentlab.report.statistics.curves import AXES, run_curves
from descentlab.report.tables.runs import runs_frame

Row = dict[str, Any]

PAIR_COLUMNS = ("problem", "by", "entry", "other", "seed", "data_seed", "id", "other_id", "value", "other_value", "difference")


@dataclass(frozen=True)
class Sweeps:
    """Finished sweeps, read from disk.

    Every frame is computed when it is first used; ``.to_pandas()`` converts it, if pandas and pyarrow are installed.

    Args:
        results: the records, grouped into comparisons.
        by: the number by which optimizers are compared, as ``report.by``; None: the monitored metric.
        reference: the optimizer that the others are compared with; None: the best of the others.
    """

    results: Results
    by: str | None = None
    reference: str | None = None

    @cached_property
    def details(self) -> list[Answer]:
        """The answer of each problem: its entries, pairs, bill and flags, as objects."""
        return compare(self.results, self.by, self.reference)

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row per run: its ids, role, status, config, results and provenance, as in runs.csv."""
        return runs_frame(self.results)

    @cached_property
    def curves(self) -> pl.DataFrame:
        """A row per run and logged step.

        Columns: id, problem, optimizer and seed of the run; step, examples, gradient_evaluations and train_seconds; a column
        per curve, such as ``train/loss`` and ``valid/accuracy``, with null where it was not measured.
        """
        frames = list(self._curves())
        empty = pl.DataFrame(schema={"id": pl.String, "problem": pl.String, "optimizer": pl.String, "seed": pl.Int64})
        return pl.concat(frames, how="diagonal") if frames else empty

    def _curves(self) -> Iterator[pl.DataFrame]:
        for comparison in self.results.comparisons:
            for run in comparison.all_runs:
                rows = run_curves(run)
                axes = pl.col(AXES[:3]).cast(pl.Int64)
                yield rows.select(
                    pl.lit(run.id).alias("id"),
                    pl.lit(comparison.name).alias("problem"),
                    pl.lit(run.choices.get("optimizer", "unknown")).alias("optimizer"),
                    pl.lit(run.config.get("seed"), pl.Int64).alias("seed"),
                    axes,
                    pl.exclude(AXES[:3]),
                )

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """A row per pair: two runs with the same seeds, of an optimizer (`entry`) and of another one (`other`).

        Both started from the same weights and saw the same batches. `by` names the compared number, `value` and `other_value`
        are its values, and `difference` is positive where the entry is better, whether the number is maximized or minimized.
        """
        rows = [row for answer in self.details for pair in answer.pairs for row in _pair_rows(answer, pair)]
        return pl.DataFrame({key: [row[key] for row in rows] for key in PAIR_COLUMNS}, strict=False)

    @cached_property
    def answers(self) -> pl.DataFrame:
        """A row per optimizer and problem, at its selected settings, the best first.

        Columns: problem, by, rank, entry; n, mean, low and high of the compared number (95 % interval over seeds); candidates,
        the number of settings tried; and for the comparison with `other` the mean difference with its interval, p (Holm), the
        conclusion and the margin. Null where a number does not exist, for example an interval of a single seed.
        """
        rows = [_entry_row(answer, rank, entry) for answer in self.details for rank, entry in enumerate(answer.entries, 1)]
        keys = list(dict.fromkeys(key for row in rows for key in row))
        return pl.DataFrame({key: [row.get(key) for row in rows] for key in keys}, strict=False)

    @cached_property
    def flags(self) -> pl.DataFrame:
        """A row per flag of the sceptic: problem, kind, subject and message."""
        rows = [{"problem": answer.comparison.name, **asdict(flag)} for answer in self.details for flag in answer.flags]
        return pl.DataFrame(rows, schema=dict.fromkeys(("problem", "kind", "message", "subject"), pl.String))

    @cached_property
    def statement(self) -> str:
        """The sentence that the command prints: which optimizer is best, by how much, how surely and at what cost."""
        from descentlab.report.statement import statements

        return "\n".join(statements(self.details))

    def __str__(self) -> str:
        return self.statement


def _pair_rows(answer: Answer, pair: Pair) -> Iterator[Row]:
    first, second = ({seed_key(run.config): run for run in entry.completed} for entry in (pair.entry, pair.other))
    sign = 1 if answer.mode == "max" else -1
    for seed in (seed for seed in first if seed in second):
        run, other = first[seed], second[seed]
        value, other_value = answer.by.get(run), answer.by.get(other)
        known = value is not None and other_value is not None
        yield {
            **{"problem": answer.comparison.name, "by": answer.by.key, "entry": pair.entry.name, "other": pair.other.name},
            **{"seed": run.config.get("seed"), "data_seed": run.config.get("data_seed"), "id": run.id, "other_id": other.id},
            **{"value": value, "other_value": other_value, "difference": sign * (value - other_value) if known else None},
        }


def _entry_row(answer: Answer, rank: int, entry: Entry) -> Row:
    found, interval = entry.estimate, entry.estimate and entry.estimate.interval
    row: Row = {"problem": answer.comparison.name, "by": answer.by.key, "rank": rank, "entry": entry.name}
    row |= {"candidates": entry.candidates, "n": found and found.n, "mean": found and found.mean}
    row |= {"low": interval and interval.low, "high": interval and interval.high}
    return row
