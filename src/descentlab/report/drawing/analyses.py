"""The files that scripts/landscape.py has stored in the folders of runs, for the panels that draw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.report.answer import Entry
from descentlab.report.drawing.data import PanelData
from descentlab.store.record import ANALYSES, Record, read_json

Content = Mapping[str, Any]


def analyses(data: PanelData, pattern: str) -> Iterator[tuple[Entry, Record, Content]]:
    """Yield the content of each file whose name matches `pattern`, with its run and the entry of the run.

    Args:
        data: the runs; those of the entries are searched.
        pattern: of the file's name without its ending, such as "interpolation-*".
    """
    for entry in data.answer.entries:
        for run in entry.series.runs:
            for path in sorted((run.folder / ANALYSES).glob(f"{pattern}.json")):
                if content := read_json(path):
                    yield entry, run, content
