"""Run a study: read it, train its runs, evaluate its checks, and write the verdict and the page."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader

from descentlab.config.command_line import Command
from descentlab.launchers.factory import MakeLauncher, launcher_factory
from descentlab.store.record import NOT_IDENTITY
from descentlab.store.verdict import StudyVerdict, keep_plan, plan_hash
from descentlab.studies.checks.finding import Verdict, worst
from descentlab.studies.evaluate import evaluate
from descentlab.studies.plan import deviations, plan_of
from descentlab.studies.runs import Jobs, merged
from descentlab.studies.source import StudySource
from descentlab.studies.study import FIRST_SEED, Study
from descentlab.studies.tables import Tables, table_words, tables_of
from descentlab.studies.words import load_study, read_request
from descentlab.sweeps.launch import train
from descentlab.sweeps.plan import as_file_name
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.view import ProgressView

USUAL = ("logger=none", "diagnostics=none", "alerts=none")  # of all studies, unless a study or the command sets them
INCOMPLETE = "incomplete"


def run_studies(loader: ConfigLoader, words: Sequence[str], signals: StopSignals) -> bool:
    """Run the studies that the words of a command name, one after the other; write their pages and the index.

    Args:
        loader: Hydra's loader of the config groups.
        words: study=NAME, size=, first_seed=, and overrides of every arm.
        signals: counts the requests to stop.

    Returns:
        True if every study has a verdict.

    Raises:
        UsageError: a study does not exist, or cannot work.
    """
    from descentlab.report import study_index, study_page  # import plotly
    from descentlab.tracking.study import write_study

    request = read_request(loader, words)
    studies = [load_study(loader, name, request.size, request.first_seed) for name in request.names]
    complete = True
    for study in studies:
        print(f"study={study.name}: {study.claim}")
        verdict, source = run_study(loader, study, request.words, signals)
        sweep = source.jobs.folder
        page = study_page.write(verdict, sweep)
        for line in study_index.lines_of(verdict):
            print(line)
        print(f"{os.path.relpath(page)}  # the page of the study: open it in a browser")
        complete &= verdict.verdict != INCOMPLETE
        index = study_index.write(sweep.parent)
        print(f"{os.path.relpath(index)}  # the index of all studies")
        if message := write_study(verdict, list(source.records.values()), sweep, page):
            print(message)
        if signals.count:
            return False
    return complete


def dry_run(loader: ConfigLoader, words: Sequence[str]) -> None:
    """Print the runs of the first round of the studies that the words name, without starting any.

    Raises:
        UsageError: a study does not exist, or a config is not valid.
    """
    request = read_request(loader, words)
    for name in request.names:
        study = load_study(loader, name, request.size, request.first_seed)
        source, tables, _ = set_up(loader, study, request.words, ProgressView())
        jobs = source.ask()
        cost = "" if study.cost is None else f", about {study.cost:g} s on two cores"
        print(f"study={study.name}: {len(study.arms)} arms, {len(jobs)} runs in the first round{cost}")
        tables.dry_run()
    print("nothing was started")


def run_study(
    loader: ConfigLoader, study: Study, words: Sequence[str], signals: StopSignals
) -> tuple[StudyVerdict, StudySource]:
    """Train the runs of a study that are missing, and return its verdict and the source of its runs, with their records.

    Args:
        loader: Hydra's loader of the config groups.
        study: the study.
        words: overrides of every arm, which are deviations from the study.
        signals: counts the requests to stop; the same command resumes.

    Raises:
        UsageError: a config is not valid, or cannot work; nothing was started.
    """
    view = ProgressView()
    source, tables, command = set_up(loader, study, words, view)
    make_launcher: MakeLauncher = launcher_factory(command.launcher, words)
    train(source, make_launcher, signals, view)
    tables.train(signals)
    verdict = verdict_of(study, source, tables, words)
    verdict.write(source.jobs.folder)
    return verdict, source


def set_up(loader: ConfigLoader, study: Study, words: Sequence[str], view: ProgressView) -> tuple[StudySource, Tables, Command]:
    """Return the source of the jobs of a study, its tables, and a command with the settings of its launcher.

    Raises:
        UsageError: a word is not valid.
    """
    own = {arm.name: merged(USUAL, study.shared, arm.words, words, [f"sweep={sweep_name(study)}"]) for arm in study.arms}
    jobs = Jobs(loader, sweep_name(study), own)
    plan = plan_of(study)
    source = StudySource(study, jobs, view.print, lambda sweep: _keep(sweep, plan))
    return source, tables_of(loader, study, own, sweep_name(study)), jobs.command(study.arms[0].name)


def _keep(sweep: Path, plan: Mapping[str, Any]) -> None:
    if sweep.is_dir():
        keep_plan(sweep, plan)


def sweep_name(study: Study) -> str:
    """Return the name of the sweep of a study: its name, with the size and the first seed if they are not the usual ones."""
    parts = ["study", study.name, *([study.size] if study.size != "cpu" else [])]
    parts += [f"seeds{study.first_seed}"] if study.first_seed != FIRST_SEED else []
    return as_file_name("-".join(parts).replace("/", "-"))


def verdict_of(study: Study, source: StudySource, tables: Tables, words: Sequence[str]) -> StudyVerdict:
    """Return the verdict of a study on the runs that have ended."""
    plan, made = plan_of(study), tables.ended
    planned = keep_plan(source.jobs.folder, plan)
    results = evaluate(study, [*source.ended, *made])
    complete = source.is_complete and len(made) == len(tables.commands)
    records = [*source.records.values(), *(each.record for each in made)]
    return StudyVerdict(
        **{key: getattr(study, key) for key in ("name", "source", "claim", "shows", "differs", "row", "expected", "size")},
        verdict=str(worst([Verdict(result.verdict) for result in results])) if complete else INCOMPLETE,
        checks=results,
        arms={arm.name: list(merged(study.shared, arm.words, table_words(arm))) for arm in study.arms},
        selections=source.selections,
        runs={id: [run.content() for run in runs] for id, runs in source.runs.items()},
        seeds=study.report_seeds,
        tables={each.record.sweep: {"arm": each.run.arm, "seed": each.run.seed} for each in made},
        seconds=sum(record.summary.get("train_seconds") or 0.0 for record in records),
        command=_command(study, words),
        plan=plan_hash(planned),
        deviations=[*(f"every arm was trained with {word}" for word in words if _matters(word)), *deviations(planned, plan)],
        notes=list(_notes(source)),
        figure=dict(study.figure),
    )


def _notes(source: StudySource) -> Iterator[str]:
    """Yield a sentence for each grid that was extended or has its best point on its edge, and for runs without a result."""
    for cell in source.cells:
        if cell.extensions:
            yield f"{cell.title}: the grid was extended {cell.extensions} times, because its best point was on its edge."
        if cell.at_edge:
            yield f"{cell.title}: the best point is still on the edge of the grid."
        if cell.stopped:
            yield f"{cell.title}: {cell.stopped}."
    failed = [record for record in source.records.values() if record.status.is_fault]
    if failed:
        yield f"{len(failed)} runs failed; the first: {failed[0].name}: {failed[0].reason}"


def _matters(word: str) -> bool:
    """Return True if an override changes what the runs compute."""
    key = word.lstrip("+~").partition("=")[0]
    return key.partition(".")[0].partition("/")[0] not in NOT_IDENTITY


def _command(study: Study, words: Sequence[str]) -> str:
    size = [f"size={study.size}"] if study.size != "cpu" else []
    seed = [f"first_seed={study.first_seed}"] if study.first_seed != FIRST_SEED else []
    return shlex.join(["python", "train.py", f"study={study.name}", *size, *seed, *words])
