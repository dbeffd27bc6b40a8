"""Run range tests and write their pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from descentlab.config.command_line import Command
from descentlab.errors import UsageError
from descentlab.launchers.factory import MakeLauncher
from descentlab.report.lr_range_page import write_page
from descentlab.sweeps.launch import train
from descentlab.sweeps.signals import StopSignals
from descentlab.tuning.lr_range.auto import Stopped
from descentlab.tuning.lr_range.jobs import Subject
from descentlab.tuning.lr_range.settings import Settings
from descentlab.tuning.lr_range.tester import RangeTester


def run_tests(
    command: Command,
    subjects: Iterable[Subject],
    settings: Settings,
    make_launcher: MakeLauncher,
    signals: StopSignals | None = None,
) -> list[RangeTester]:
    """Run the range test of each subject, and return the tests; runs of earlier commands are reused.

    Raises:
        UsageError: a config is not valid, or a run has no result.
        Stopped: the command was asked to stop.
    """
    signals = signals or StopSignals()
    found: list[RangeTester] = []
    for subject in subjects:
        tester = RangeTester(command, subject, settings)
        try:
            train(tester, make_launcher, signals)
        except UsageError as error:
            tester.failure = str(error)
        if tester.failure:
            raise UsageError(f"range test of {subject.name} on {subject.problem}: {tester.failure}")
        if not tester.is_complete:
            raise Stopped
        found.append(tester)
    return found


def write_pages(testers: Sequence[RangeTester]) -> list[Path]:
    """Write lr_range.html into the folder of the runs of each problem, and return the paths."""
    by_folder: dict[Path, list[RangeTester]] = {}
    for tester in testers:
        by_folder.setdefault(tester.folder, []).append(tester)
    return [write_page([each.panel() for each in group], folder) for folder, group in by_folder.items()]
