"""Manage sweeps: `python scripts/sweep.py status|prune|rm outputs/<sweep>`."""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table


def main() -> None:
    """Parse the command line and run the subcommand."""
    parser = argparse.ArgumentParser(description="Show the states of a sweep's runs, or remove files and runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    status = commands.add_parser("status", help="show the status and the step of every run")
    prune = commands.add_parser("prune", help="remove checkpoints of finished runs, replaced results, and scratch files")
    prune.add_argument("--interrupted", action="store_true", help="also checkpoints from which a run would resume")
    rm = commands.add_parser("rm", help="remove runs, or the whole sweep; files of other programs are kept")
    for command in (status, prune, rm):
        command.add_argument("sweep", type=Path, help="a sweep's folder, such as outputs/digits_mlp-1a2b3c")
    rm.add_argument("runs", nargs="*", metavar="RUN", help="the name of a run's folder, or its id (default: all runs)")
    arguments = parser.parse_args()

    from descentlab.errors import UsageError, exit_with
    from descentlab.sweeps.upkeep import prune as prune_sweep
    from descentlab.sweeps.upkeep import remove

    try:
        if arguments.command == "status":
            show(arguments.sweep)
        elif arguments.command == "prune":
            report(prune_sweep(arguments.sweep, arguments.interrupted))
        else:
            report(remove(arguments.sweep, arguments.runs))
            note_rest(arguments.sweep, arguments.runs)
    except (OSError, UsageError) as error:
        exit_with("sweep", error)


def show(sweep: Path) -> None:
    """Print a table with a line for each run."""
    from descentlab.sweeps.upkeep import states

    found = states(sweep)
    counts = Counter(state.status for state in found)
    table = Table(title=", ".join(f"{n} {status}" for status, n in counts.items()), title_justify="left", box=None)
    for column in ("run", "status", "step", "checkpoint", "reason"):
        table.add_column(column, justify="right" if column in ("step", "checkpoint") else "left", overflow="fold")
    for state in found:
        table.add_row(state.name, state.status, state.step, size(state.checkpoint) if state.checkpoint else "", state.reason)
    Console(highlight=False).print(table)


def note_rest(sweep: Path, runs: list[str]) -> None:
    """Print what is left to do after runs were removed."""
    if runs:
        print(f"the report still shows the removed runs; to rebuild it: python scripts/report.py {sweep}")
    elif sweep.exists():
        print(f"{sweep} is kept: it contains other files ({', '.join(sorted(path.name for path in sweep.iterdir())[:5])})")


def report(removed: Iterable[tuple[Path, int]]) -> None:
    """Print each removed path with its size, and the total."""
    total = 0
    for path, freed in removed:
        print(f"{size(freed):>9}  {path}")
        total += freed
    print(f"{size(total):>9}  freed")


def size(count: int) -> str:
    """Return `count` bytes as text with a unit: 1.23 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} GB"


if __name__ == "__main__":
    main()
