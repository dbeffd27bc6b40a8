"""Build the report of sweeps: `python scripts/report.py outputs/<sweep>... [--out FOLDER] [--pdf] [--watch]`; or of one run."""

from __future__ import annotations

import argparse
import gc
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from descentlab.errors import UsageError, exit_with
from descentlab.store.table import AXES, FOLDER

if TYPE_CHECKING:
    from descentlab.report.answer import Answer
    from descentlab.report.load import Results
    from descentlab.report.question import Question
    from descentlab.report.watch import Live


def main() -> None:
    arguments = _arguments()
    gc.set_threshold(200_000)  # nearly every object that a report makes is kept: frequent collections would find little
    sweeps: list[Path] = arguments.sweeps
    out: Path = arguments.out or (sweeps[0] if len(sweeps) == 1 else Path("outputs/report"))

    from descentlab.report import tables
    from descentlab.report.pdf import print_pdf
    from descentlab.tracking.summary import write_summary
    from descentlab.tracking.writer import Writer

    try:
        if _is_run(sweeps):
            print(_build_run(sweeps[0], arguments.pdf))
            return
        if any((sweep / FOLDER / AXES).exists() for sweep in sweeps):
            print(_build_table(sweeps, out, arguments))
            return
        page, results, answers = _watch(sweeps[0], out, arguments.every) if arguments.watch else _build(sweeps, out)
        tables.show_answers(answers, tables.make_console())
        print(page)
        if not arguments.watch:
            with Writer(partial(print, file=sys.stderr)) as writer:
                if message := write_summary(results, answers, page, writer):
                    writer.notify(message)
        if arguments.pdf:
            print(print_pdf(page))
    except (OSError, ValueError) as error:
        exit_with("report", error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the report page and the tables of one or more sweeps.")
    parser.add_argument(
        "sweeps",
        nargs="+",
        type=Path,
        metavar="SWEEP",
        help="the folder of a sweep, such as outputs/digits_mlp-1a2b3c; or that of one run",
    )
    parser.add_argument("--out", type=Path, help="output folder (default: the sweep, or outputs/report for several)")
    parser.add_argument("--pdf", action="store_true", help="also print the page to report.pdf, with an installed Chromium")
    parser.add_argument("--watch", action="store_true", help="write the page repeatedly until the sweep has ended")
    parser.add_argument(
        "--every", type=float, default=5, metavar="SECONDS", help="how often --watch looks for changes (default: 5)"
    )
    arguments = parser.parse_args()
    if arguments.watch and len(arguments.sweeps) > 1:
        parser.error("--watch takes one sweep")
    if _is_run(arguments.sweeps) and (arguments.watch or arguments.out):
        parser.error("the page of a run is written once and into its folder: --watch and --out are for sweeps")
    return arguments


def _is_run(folders: list[Path]) -> bool:
    """Return True if `folders` is that of one run."""
    return len(folders) == 1 and (folders[0] / "config.yaml").exists()


def _build_run(folder: Path, pdf: bool) -> Path:
    """Write the page of a run and return its path; `pdf` also prints it, and the path is that of the PDF."""
    from descentlab.report.pdf import print_pdf
    from descentlab.report.run_page import write_run_page
    from descentlab.report.unfinished import read_run

    page = write_run_page(read_run(folder.resolve()))  # the parent of "." is "."
    return print_pdf(page) if pdf else folder / page.name


def _build_table(sweeps: list[Path], out: Path, arguments: argparse.Namespace) -> Path:
    """Write the page of a sweep with records=table and return its path; with --pdf, that of the printed page.

    Raises:
        UsageError: there are several sweeps, or --watch was given.
        FileNotFoundError: no part of the table is finished.
    """
    from descentlab.report.drawing.table_data import load_table
    from descentlab.report.pdf import print_pdf
    from descentlab.report.table_page import write_table_page

    if len(sweeps) > 1 or arguments.watch:
        raise UsageError("a sweep with records=table has a page by itself, which is written once")
    data = load_table(sweeps[0])
    if data is None:
        raise FileNotFoundError(f"no part of the table in {sweeps[0]} is finished")
    page = write_table_page(data, out)
    return print_pdf(page) if arguments.pdf else page


def _build(sweeps: list[Path], out: Path, live: Live | None = None) -> tuple[Path, Results, list[Answer]]:
    """Write the page and the tables; return the path of the page, the runs and the answers. `live`: unfinished runs count."""
    from descentlab.report import page
    from descentlab.report.compare import compare
    from descentlab.report.load import load
    from descentlab.report.question import QUESTION, Question

    results = load(sweeps, unfinished=live is not None)
    kept = any((sweep / QUESTION).exists() for sweep in sweeps)
    asked = Question.read(sweeps) if kept else _question_of_runs(results)
    try:
        answers = compare(results, asked.by, asked.reference, asked.margin)
    except UsageError as error:
        if kept or live or asked == Question():
            raise
        print(f"{error}; the default is compared instead", file=sys.stderr)  # as a command does at its end
        answers = compare(results)
    return page.write(results, answers, out, live), results, answers


def _question_of_runs(results: Results) -> Question:
    """Return the question in the config of the run that was started last: a command keeps its question only at its end."""
    from descentlab.report.question import Question

    def started(folder: Path) -> float:
        config = folder / "config.yaml"
        return config.stat().st_mtime if config.exists() else 0.0

    return Question.of(max(results.runs, key=lambda run: started(run.folder)).config.get("report"))


def _watch(sweep: Path, out: Path, every: float) -> tuple[Path, Results, list[Answer]]:
    """Write the page repeatedly until the sweep has ended, and print when; return what the last `_build` returned."""
    from datetime import datetime

    from descentlab.report.watch import watch

    last: list[tuple[Path, Results, list[Answer]]] = []

    def build(live: Live | None) -> None:
        try:
            last[:] = [_build([sweep], out, live)]
        except (FileNotFoundError, UsageError) as error:  # no run has curves, or none has the number to compare by
            if live is None:
                raise
            print(f"{datetime.now():%H:%M:%S} waiting: {error}", flush=True)
        else:
            print(f"{datetime.now():%H:%M:%S} {last[0][0]}", flush=True)

    watch(sweep, out, build, every)
    return last[0]


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
