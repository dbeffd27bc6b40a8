"""Run a tuning command: validate the arms, tune, report."""

from __future__ import annotations

from pathlib import Path

from descentlab.config.command_line import Command
from descentlab.errors import UsageError
from descentlab.launchers.factory import MakeLauncher
from descentlab.parallel import ranks
from descentlab.store.manifest import Manifest
from descentlab.store.record import Record
from descentlab.sweeps.launch import check, print_error, report, train
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Intake
from descentlab.sweeps.view import ProgressView
from descentlab.tracking.writer import Writer
from descentlab.tuning.arms import define_arms, sweep_name
from descentlab.tuning.bill import arm_costs
from descentlab.tuning.bill_table import bill_lines
from descentlab.tuning.jobs import JobFactory
from descentlab.tuning.settings import Settings
from descentlab.tuning.tuner import Tuner


def tune(command: Command, make_launcher: MakeLauncher, signals: StopSignals | None = None) -> tuple[list[Record], list[str]]:
    """Tune every arm of the command and report.

    Args:
        command: the command line, with hydra/sweeper=tune.
        make_launcher: makes the launcher for given jobs.
        signals: counts the requests to stop; the same command resumes.

    Returns:
        The records of the runs that ended, reused results and earlier faults of trials included, and the names of the arms
        without a result (see Tuner.without_result).

    Raises:
        UsageError: a config or a setting is not valid, or cannot work; nothing was started.
    """
    view = ProgressView()
    tuner, sweep = plan(command, view)

    def finish(writer: Writer) -> None:
        tuner.finish(sweep)
        report(sweep, tuner.searches[0].definition.config.get("report"), writer)

    records = train(tuner, make_launcher, signals, view, finish)
    return [*records, *tuner.faults], tuner.without_result


def dry_run(command: Command, make_launcher: MakeLauncher) -> None:
    """Check the first runs as `tune` does, print the bill that the command will have, and start nothing.

    Raises:
        UsageError: a config or a setting is not valid, or cannot work.
    """
    tuner, sweep = plan(command, ProgressView())
    intake = Intake(tuner)
    first = intake.next()
    if first.jobs:
        refused = check(make_launcher(first.jobs), first.jobs, print_error, tuner.required)
        for mistake in dict.fromkeys(refused.values()):
            print_error(f"a trial would fail and count as the worst: {mistake}")
    print(sweep)
    for line in bill_lines(arm_costs(tuner, intake.decisions)):
        print(line)
    print("nothing was started")


def plan(command: Command, view: ProgressView) -> tuple[Tuner, Path]:
    """Return the tuner of a command and the folder of its sweep. Starts nothing.

    Raises:
        UsageError: a config or a setting is not valid.
    """
    if ranks.started_outside() or ranks.on_several_nodes():
        raise UsageError("torchrun, srun and one command a node start one run; to tune use hydra/launcher=slurm")
    settings = Settings.of(command.sweeper)
    arms = define_arms(command)
    name = sweep_name(arms, settings)
    sweep = Path(arms[0].config["output_dir"]) / name
    return Tuner(arms, settings, JobFactory(command, arms, name), Manifest.read(sweep), view.print), sweep
