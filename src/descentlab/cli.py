"""The command `python train.py`: parses the command line, launches its runs, computes the exit code. Never imports torch."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template
from textwrap import fill
from typing import TYPE_CHECKING, NoReturn

from descentlab.compat import kill_fork_server
from descentlab.launchers.server import start_early

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

    from descentlab.config.command_line import Command
    from descentlab.launchers.factory import MakeLauncher
    from descentlab.store.record import Record
    from descentlab.sweeps.signals import StopSignals

PRIMARY = "train"  # conf/train.yaml


def main(conf_dir: Path) -> None:
    """Run the command line in sys.argv with the config groups in `conf_dir`, and raise SystemExit.

    Exit codes: 0 if every run ended with a result, 1 if a run did not, 2 if the command cannot be carried out, 128 + signal
    (130 for Ctrl-C) if it was stopped.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_help(conf_dir))
        return
    started = False
    try:
        started = start_early(sys.argv[1:])
        _run(conf_dir)
    except KeyboardInterrupt:  # before training began; during training, the queue stops the runs and the command reports it
        raise SystemExit(130) from None
    finally:
        if started:
            kill_fork_server()  # it would end by itself, but only after it has loaded torch


def _run(conf_dir: Path) -> NoReturn:
    """Carry out the command line, print errors, and raise SystemExit."""
    import yaml

    from descentlab.config.explain import COMPOSITION_ERRORS, explain
    from descentlab.errors import UsageError

    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    try:
        raise SystemExit(_carry_out(_arguments(sys.argv[1:]), conf_dir))
    except (UsageError, yaml.YAMLError, *COMPOSITION_ERRORS) as error:
        if traceback_wanted:
            raise
        message = str(error) if isinstance(error, UsageError) else explain(error, sys.argv[1:])
        print(f"train.py: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if traceback_wanted or error.filename is None:
            raise
        print(f"train.py: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None


def _carry_out(arguments: argparse.Namespace, conf_dir: Path) -> int:
    """Train the runs that the command line describes, or carry out Hydra's own flags. Return the exit code."""
    from descentlab.config.command_line import Command, config_loader
    from descentlab.config.composed import format_config
    from descentlab.launchers.factory import launcher_factory

    if arguments.cfg in ("hydra", "all") or arguments.info or arguments.hydra_help or arguments.shell_completion:
        _show(arguments, conf_dir)
        return 0
    with config_loader(conf_dir, arguments.config_dir) as loader:
        if any(word.startswith("study=") for word in arguments.overrides):
            return _study(loader, arguments)
        command = Command(loader, arguments.overrides, arguments.multirun, arguments.config_name or PRIMARY)
        if arguments.cfg:
            print(format_config(next(command.runs()), arguments.package, arguments.resolve), end="")
            return 0
        return _start(command, launcher_factory(command.launcher, arguments.overrides), arguments.dry_run)


def _start(command: Command, make_launcher: MakeLauncher, dry: bool) -> int:
    """Train the runs of `command`, or only check them. Return the exit code."""
    from descentlab.sweeps.launch import dry_run
    from descentlab.tuning.lr_range.auto import refuse_auto

    if command.has_table:
        refuse_auto(command, "records=table")
        return _table(command, dry)
    if command.is_tuner:
        refuse_auto(command, "hydra/sweeper=tune")
        return _tune(command, make_launcher, dry)
    if dry:
        refuse_auto(command, "--dry-run")
        dry_run(command.runs(), make_launcher)
        return 0
    return _train(command, make_launcher)


def _train(command: Command, make_launcher: MakeLauncher) -> int:
    """Train the runs of `command`, after the range tests of those with lr=auto. Return the exit code."""
    from descentlab.sweeps.launch import launch
    from descentlab.sweeps.signals import StopSignals
    from descentlab.tuning.lr_range.auto import Stopped, with_rates

    signals = StopSignals()
    try:
        runs = with_rates(command, make_launcher, signals)
    except Stopped:
        return exit_code([], signals)
    return exit_code(launch(runs, make_launcher, signals), signals)


def _tune(command: Command, make_launcher: MakeLauncher, dry: bool) -> int:
    """Tune the arms of `command`, or print the bill. Return the exit code: 1 also if an arm ended without a result."""
    from descentlab.sweeps.signals import StopSignals
    from descentlab.tuning.launch import dry_run, tune

    if dry:
        dry_run(command, make_launcher)
        return 0
    signals = StopSignals()
    records, without_result = tune(command, make_launcher, signals)
    return exit_code(records, signals) or int(bool(without_result))


def _study(loader: ConfigLoader, arguments: argparse.Namespace) -> int:
    """Run the studies that the command names. Return the exit code: 1 if a study is incomplete, whatever the verdicts."""
    from descentlab.studies.launch import dry_run, run_studies
    from descentlab.sweeps.signals import StopSignals

    if arguments.dry_run:
        dry_run(loader, arguments.overrides)
        return 0
    signals = StopSignals()
    complete = run_studies(loader, arguments.overrides, signals)
    return 128 + signals.first if signals.count else int(not complete)


def _table(command: Command, dry: bool) -> int:
    """Train the table of `command`, or only check it. Return the exit code: 1 if a run has no result."""
    from descentlab.store.table import RunTable
    from descentlab.sweeps.signals import StopSignals
    from descentlab.sweeps.table import dry_run_table, launch_table

    if dry:
        dry_run_table(command)
        return 0
    signals = StopSignals()
    sweep = launch_table(command, signals)
    return exit_code([], signals) or int(not RunTable.load(sweep).is_complete)


def exit_code(records: Sequence[Record], signals: StopSignals) -> int:
    """Return the exit code of a command with these `records`: 128 + signal if it was stopped, else 0 if all are results.

    Runs without a record need no check: they were not started because of a signal or because another run failed.
    """
    if signals.count:
        return 128 + signals.first
    return 0 if all(record.status.is_result for record in records) else 1


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return the flags and overrides of a command line; flags may be given at any position.

    Raises:
        UsageError: a flag is unknown, or cannot be combined with another.
    """
    from descentlab.compat import hydra_arguments
    from descentlab.errors import UsageError

    def refuse(message: str) -> NoReturn:
        raise UsageError(f"{message}; see python train.py --help")

    parser = hydra_arguments()
    parser.error = refuse
    parser.add_argument("--dry-run", action="store_true")
    found = parser.parse_intermixed_args(words)
    if found.multirun and found.cfg:
        raise UsageError("--cfg shows one configuration: leave out -m, and values to sweep over")
    if (found.resolve or found.package) and not found.cfg:
        raise UsageError("--resolve and --package are for --cfg, which shows a configuration")
    if found.dry_run and (found.cfg or found.info):
        raise UsageError("--dry-run checks a command, --cfg and --info only show information: leave one out")
    if len([word for word in words if word.partition("=")[0] in ("--config-dir", "-cd")]) > 1:
        raise UsageError("--config-dir is given twice: hydra.searchpath=[A,B] takes several folders")
    if found.config_path is not None:
        raise UsageError("--config-path would leave out descentlab's own config groups: add yours with --config-dir")
    if found.experimental_rerun is not None:
        raise UsageError("--experimental-rerun is not supported: repeat the command with rerun=true")
    return found


def _show(arguments: argparse.Namespace, conf_dir: Path) -> None:
    """Let Hydra print a configuration, its own help, or a script for shell completion."""
    from hydra import version

    from descentlab.compat import show_hydra
    from descentlab.config.command_line import HYDRA_VERSION

    version.setbase(HYDRA_VERSION)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra prints errors instead of raising them
    show_hydra(arguments, main, str(conf_dir), PRIMARY)


def _help(conf_dir: Path) -> str:
    """Return the text of --help, without composing a configuration, which Hydra's own help does."""
    folders = sorted(folder for folder in conf_dir.iterdir() if folder.is_dir() and folder.name != "hydra")
    groups = (fill(f"{group.name}: {', '.join(_options(group))}", 120, subsequent_indent="  ") for group in folders)
    return Template((conf_dir / "help.txt").read_text()).substitute(groups="\n".join(groups)).rstrip()


def _options(group: Path) -> list[str]:
    """Return the options of a group: the names of its files, with their folders."""
    return sorted(path.relative_to(group).with_suffix("").as_posix() for path in group.rglob("*.yaml"))
