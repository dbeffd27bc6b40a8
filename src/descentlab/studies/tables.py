"""The tables of runs of a study: one sweep with records=table for each seed of an arm with `table`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.config_loader import ConfigLoader

from descentlab.config.command_line import Command
from descentlab.store.job import Job
from descentlab.store.record import Record, Status
from descentlab.store.table import RunTable, read_runs
from descentlab.studies.runs import Ended, StudyRun, merged
from descentlab.studies.study import Arm, Study
from descentlab.sweeps.plan import as_file_name
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.table import dry_run_table, launch_table


@dataclass
class Tables:
    """The tables of a study.

    Args:
        commands: the command of each table, by the name of its arm and its seed.

    Attributes:
        sweeps: the folder of each table that was started.
    """

    commands: Mapping[tuple[str, int], Command]
    sweeps: dict[tuple[str, int], Path] = field(default_factory=dict)

    def train(self, signals: StopSignals) -> None:
        """Train the tables one after the other; those that were finished before are reused.

        Raises:
            UsageError: the runs of an arm cannot be a table.
        """
        for place, command in self.commands.items():
            if not signals.count:
                self.sweeps[place] = launch_table(command, signals)

    def dry_run(self) -> None:
        """Check the first table of each arm, and print its number of runs, without starting any.

        Raises:
            UsageError: the runs of an arm cannot be a table.
        """
        first: dict[str, Command] = {}
        for (arm, _), command in self.commands.items():
            first.setdefault(arm, command)
        for command in first.values():
            dry_run_table(command)

    @property
    def ended(self) -> list[Ended]:
        """The tables of which every run has ended, each as one run of the study."""
        found = {place: RunTable.load(sweep) for place, sweep in self.sweeps.items()}
        return [
            Ended(StudyRun(arm, {}, {}, seed, "report"), _record(table))
            for (arm, seed), table in found.items()
            if table.is_complete
        ]


def tables_of(loader: ConfigLoader, study: Study, words: Mapping[str, Sequence[str]], sweep: str) -> Tables:
    """Return the tables of a study.

    Args:
        loader: Hydra's loader of the config groups.
        study: the study.
        words: for each arm by name, its overrides, those of the command included.
        sweep: the name of the sweep of the study, with which those of the tables begin.

    Raises:
        UsageError: a word is not valid.
    """
    made: dict[tuple[str, int], Command] = {}
    for arm in study.arms:
        for seed in study.report_seeds if arm.table else ():
            name = as_file_name(f"{sweep}-{arm.name}-{seed}").replace(",", "")  # a comma separates swept values
            own = [*table_words(arm), f"seed={seed}", f"sweep={name}"]
            made[arm.name, seed] = Command(loader, merged(words[arm.name], own), multirun=True)
    return Tables(made)


def table_words(arm: Arm) -> list[str]:
    """Return the overrides that make the runs of an arm a table."""
    return [*(f"{key}={values}" for key, values in arm.table.items()), "records=table"] if arm.table else []


def _record(table: RunTable) -> Record:
    """Return the record of a complete table: the config of its first run, and the seconds of training of all runs."""
    job, runs = Job.load(table.folder), read_runs(table.sweep)
    summary = {} if runs is None else {"train_seconds": runs["train_seconds"].sum()}
    return Record(
        job.id, job.name, job.sweep, Status.COMPLETED, dict(job.choices), dict(job.config), summary=summary, folder=table.sweep
    )
