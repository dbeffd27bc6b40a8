"""The content of the W&B run that summarizes a sweep. Never imports wandb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.report.answer import Answer
from descentlab.report.drawing.thinning import kept_rows
from descentlab.report.load import Results
from descentlab.report.overall import problem_prefix, statements
from descentlab.report.relation import relation
from descentlab.report.statistics.curves import curves_by_id, mean_curve
from descentlab.report.tables.answers import PlainTable, bill_table, pairs_table
from descentlab.report.tables.gains import gains_table
from descentlab.report.tables.results import metrics_table, results_table
from descentlab.store.manifest import Role
from descentlab.tracking import names
from descentlab.tracking.writer import Writer

POINTS = 200  # of a curve
MOST_CURVES = 20  # entries of a problem whose curves are drawn

Table = Mapping[str, list[Any]]  # "columns" and "rows"


def write_summary(results: Results, answers: Sequence[Answer], page: Path, writer: Writer) -> str:
    """Write the W&B run that summarizes a sweep, if its runs were logged to W&B.

    It is online if they were, and otherwise in the same folder; it replaces that of an earlier command. A single run, and a
    report over several sweeps, have none.

    Args:
        results: the sweep.
        answers: its answers.
        page: the report's page.
        writer: writes it after the runs.

    Returns:
        a message if it could not be written, otherwise "".
    """
    sweep = results.sweeps[0]
    if len(results.sweeps) > 1 or len(results.runs) < 2 or not names.tracked(sweep):
        return ""
    try:
        message = writer.write_summary(content(results, answers, page))
    except Exception as error:  # the sweep has ended, and its report is written
        message = f"{type(error).__name__}: {error}"
    return f"Weights & Biases has no summary of the sweep: {message}" if message else ""


def content(results: Results, answers: Sequence[Answer], page: Path) -> dict[str, Any]:
    """Return the content of the summary run of a sweep, as JSON values.

    Returns:
        `sweep`, the folder; `run`, arguments of wandb.init; `summary`, its values; `tables` by name; `curves`, the rows of the
        mean curves at the selected settings; `charts`, globs of the names in these; `page`, the path of the report's page.
    """
    sweep = results.sweeps[0].resolve()
    told, problems = statements(answers), [answer.comparison.problem for answer in answers]
    curves = _curves(answers)
    return {
        "sweep": str(sweep),
        "run": {
            "id": names.run_id(f"summary-{sweep.name}"),
            "name": names.shortened(f"summary of {sweep.name}", names.LONGEST),
            "group": "summary",
            "job_type": "summary",
            "tags": [*dict.fromkeys(names.tag("problem", each) for each in problems), names.tag("sweep", sweep.name)],
            "notes": "\n".join(told),
            **names.destination(results.runs),
            "config": {"sweep": sweep.name, "problems": problems, "runs": len(results.runs)},
        },
        "summary": {"statement": "\n".join(told), "answers": {answer.comparison.name: _numbers(answer) for answer in answers}},
        "tables": dict(_tables(answers, names.starting_roles(results.manifests))),
        "curves": curves,
        "charts": sorted({f"{name.rpartition('/')[0]}/*" for row in curves for name in row} - {"x/*"}),
        "page": str(page.resolve()) if page.is_file() else None,
    }


def _numbers(answer: Answer) -> dict[str, Any]:
    """Return the best entry of an answer with its number, and the verdict about the difference from the reference."""
    best, value = answer.best, answer.best.estimate
    found: dict[str, Any] = {"by": answer.by.key, "best": best.name, "verdict": relation(answer)}
    if value is not None:
        found |= {"mean": value.mean, "low": value.low, "high": value.high, "n": value.n}
    return {key: each for key, each in found.items() if each not in (None, "")}


def _tables(answers: Sequence[Answer], roles: Mapping[str, Role]) -> Iterator[tuple[str, Table]]:
    """Yield the tables of the report by name; with several problems, the name begins with that of the problem."""
    for answer in answers:
        prefix = f"{answer.comparison.name}/" if len(answers) > 1 else ""
        shown = results_table(answer)
        groups = [names.group_of(one.runs[0], roles.get(one.runs[0].id)) for one in shown.series]
        groups += [""] * len(shown.baseline_rows)
        rows = [[*row, group] for row, group in zip([*shown.rows, *shown.baseline_rows], groups, strict=True)]
        yield f"tables/{prefix}results", {"columns": [*shown.headings, "W&B group"], "rows": rows}
        metrics = metrics_table(answer)
        if metrics.rows:
            rows = [*metrics.rows, *metrics.baseline_rows]
            yield f"tables/{prefix}metrics", {"columns": ["optimizer", *metrics.headings[1:]], "rows": rows}
        for name, table in (("differences", pairs_table(answer, detailed=True)), ("gains", gains_table(answer))):
            if table is not None:
                yield f"tables/{prefix}{name}", _plain(table)
    yield "tables/cost", _plain(bill_table(answers))
    flags = [[answer.comparison.name, flag.subject, flag.kind, flag.message] for answer in answers for flag in answer.flags]
    yield "tables/flags", {"columns": ["problem", "optimizer", "kind", "message"], "rows": flags}


def _plain(table: PlainTable) -> Table:
    return {"columns": table.headings, "rows": table.rows}


def _curves(answers: Sequence[Answer]) -> list[dict[str, float]]:
    """Return a row per step with the mean training loss and monitored metric of each entry at its selected settings.

    The names begin with the rank of the entry, "1 adam/Training loss", so that the charts of the best one come first.
    """
    rows: dict[float, dict[str, float]] = {}
    for answer in answers:
        shown = answer.entries[:MOST_CURVES]
        for rank, entry in enumerate(shown, 1):
            series = f"{problem_prefix(answer, answers)}{rank:0{len(str(len(shown)))}} {entry.name}"
            frames = list(curves_by_id(entry.completed).values())
            for column, title in names.tiles(answer.comparison.monitor).items():
                mean = mean_curve(frames, column)
                mean = mean[kept_rows(mean["y"].to_numpy(), POINTS)]
                for step, value in mean.select("step", "y").iter_rows():
                    rows.setdefault(step, {})[f"{series}/{title}"] = value
    return [{names.AXES["step"]: step, **rows[step]} for step in sorted(rows)]
