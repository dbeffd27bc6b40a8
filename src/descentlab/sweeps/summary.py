"""What a command leaves on the screen: the table, the page, and the lines to type next."""

from __future__ import annotations

import os
from collections.abc import Sequence

from descentlab.store.job import Job


def show(jobs: Sequence[Job]) -> None:
    """Build the report of the jobs' sweep and print its table and where to look."""
    from descentlab.report import page, tables  # polars and plotly: not before they are needed

    sweep = jobs[0].folder.parent
    console = tables.show_on_console([sweep])
    path = page.build([sweep], sweep)
    for line, purpose in [(os.path.relpath(path), "the report: open it in a browser"), *page.commands([sweep])]:
        console.print(f"{line}  [dim]# {purpose}[/dim]", soft_wrap=True)
