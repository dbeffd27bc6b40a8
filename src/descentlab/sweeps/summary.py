"""Write the report of a sweep, and print its table and follow-up commands."""

from __future__ import annotations

import os
from pathlib import Path


def show(sweep: Path) -> None:
    """Build the report of `sweep`; print its table, the path of the page, and follow-up commands."""
    from descentlab.report import page, tables  # polars and plotly: imported only when they are needed

    console = tables.show_on_console([sweep])
    path = page.build([sweep], sweep)
    for line, purpose in [(os.path.relpath(path), "the report: open it in a browser"), *page.commands([sweep])]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
