"""Resolve lr=auto: a range test finds the number that replaces it, before the runs of the command are planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all
from descentlab.config.composed import Composed
from descentlab.errors import UsageError
from descentlab.parallel import ranks

if TYPE_CHECKING:
    from descentlab.launchers.factory import MakeLauncher
    from descentlab.sweeps.signals import StopSignals

RATE, AUTO = "optimizer.lr", "auto"


class Stopped(Exception):
    """The command was asked to stop before its range tests had ended; the same command resumes them."""


def with_rates(command: Command, make_launcher: MakeLauncher, signals: StopSignals | None = None) -> Iterator[Composed]:
    """Return the runs of a command, with a number in place of each optimizer.lr=auto.

    The number is the suggestion of a range test with the default settings. The tests are trained by this call, one for all runs
    that differ only in what a test sets itself, such as seeds, budgets and schedules.

    Raises:
        UsageError: a range test has no suggestion, or the command is one of several processes of a run.
        Stopped: the command was asked to stop during the range tests.
    """
    if not wants_test(command):
        return command.runs()
    if ranks.started_outside() or ranks.on_several_nodes():
        raise UsageError(
            "lr=auto starts runs: with torchrun, srun or a command a node, give the rate that scripts/lr_range.py finds"
        )
    from descentlab.sweeps.launch import print_error
    from descentlab.tuning.lr_range.jobs import subject_of
    from descentlab.tuning.lr_range.launch import run_tests, write_pages
    from descentlab.tuning.lr_range.settings import Settings

    combinations = list(command.combinations())
    subjects = {number: subject_of(command, each) for number, each in enumerate(combinations) if any(map(_is_auto, each))}
    distinct = {subject.key: subject for subject in subjects.values()}
    testers = run_tests(command, distinct.values(), Settings(), make_launcher, signals)
    rates = {tester.subject.key: command.parse([f"{RATE}={tester.rate!r}"])[0] for tester in testers}
    for line in (*(tester.panel().sentence for tester in testers), *map(str, write_pages(testers))):
        print_error(line)
    resolved = [
        [rates[subjects[number].key] if _is_auto(override) else override for override in combination]
        for number, combination in enumerate(combinations)
    ]
    return compose_all(command.composer, resolved)


def refuse_auto(command: Command, kind: str) -> None:
    """Raise a UsageError if a run has optimizer.lr=auto; `kind` names the command that does not take it."""
    if wants_test(command):
        raise UsageError(f"{kind} does not take lr=auto, which trains first: give the rate that scripts/lr_range.py finds")


def wants_test(command: Command) -> bool:
    """Return True if a run of the command has optimizer.lr=auto."""
    return any(_is_auto(override) for values in command.options() for override in values)


def _is_auto(override: Override) -> bool:
    return override.key_or_group == RATE and override.value() == AUTO
