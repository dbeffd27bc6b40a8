"""The registry of fetched data sets: name -> sources, digests, licence and citation. Independent of the files' contents.

The files of a data set are identical for all its sources, so that one parser reads them.
"""

from __future__ import annotations

from pathlib import Path

from descentlab.data.fetch.entries import images, rankings, tables, texts
from descentlab.data.fetch.sources import Entry, materialise

REGISTRY: dict[str, Entry] = {
    entry.name: entry
    for module in (images, tables, rankings, texts)
    for entry in vars(module).values()
    if isinstance(entry, Entry)
}


def one_file(path: str | None, source: str | None, data_dir: Path) -> Path:
    """Return `path`, or the single file of the registry's `source`, fetched if it is missing.

    Raises:
        DataError: the file is not available from any source, or its digest differs.
    """
    return Path(path).expanduser() if path is not None else next(iter(materialise(REGISTRY[source or ""], data_dir).values()))
