"""Tables of results, for the terminal and as Markdown."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import rich.table
from rich.console import Console


@dataclass
class Table:
    """A titled table of strings; `notes` is the sentence below the title that describes the measurement."""

    title: str
    notes: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Append a row, one cell a column."""
        self.rows.append(cells)

    def show(self) -> None:
        """Print the table to the terminal."""
        table = rich.table.Table(*self.columns, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        console = Console(width=None if sys.stdout.isatty() else 128)
        console.print(table)
        console.print(self.notes, soft_wrap=True)

    def markdown(self) -> str:
        """Return the table as a section of a Markdown document."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"## {self.title}\n\n{self.notes}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine() -> str:
    """Return a description of this machine: processor, cores, operating system, versions of Python and torch."""
    cores = f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"
    python = f"Python {platform.python_version()}"
    return ", ".join([_processor(), cores, platform.system(), python, f"torch {version('torch')}"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
