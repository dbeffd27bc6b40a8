"""Writes the report of a sweep, and prints its table and the commands that show more."""

from __future__ import annotations

import os
from pathlib import Path


def show(sweep: Path) -> None:
    """Build the report of `sweep`; print its table, where the page is, and commands to type next."""
    from descentlab.report import page, tables  # polars and plotly: imported only when they are needed

    console = tables.show_on_console([sweep])
    path = page.build([sweep], sweep)
    for line, purpose in [(os.path.relpath(path), "the report: open it in a browser"), *page.commands([sweep])]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
