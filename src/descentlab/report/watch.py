"""Writing the page repeatedly while a sweep trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from descentlab.store.record import CONFIG, CURVES, LOCK, RECORD, is_held, write_text

VERSION = "report-version.js"  # next to the page; its content tells an open page whether there is a newer one

Signature = dict[Path, tuple[int, int]]


@dataclass(frozen=True)
class Live:
    """Properties of a page that reloads itself when there is a newer one.

    Args:
        version: a text that differs between the pages of a command.
        every: the seconds after which the page looks for a newer one.
    """

    version: str
    every: float


def watch(sweep: Path, out: Path, build: Callable[[Live | None], None], every: float) -> None:
    """Call `build` whenever a run of the sweep has changed, until no command trains the sweep any more, and once afterwards.

    Args:
        sweep: the folder of the sweep.
        out: the folder of the page.
        build: writes the page. None as its argument means the last page, which does not reload itself.
        every: seconds between two examinations of the sweep.
    """
    try:
        for live in _changes(sweep, every):
            build(live)
            _announce(out, live.version)
    finally:
        build(None)
        _announce(out, "")


def _announce(out: Path, version: str) -> None:
    """Tell an open page the version of the newest one. The file stays, for a page that reads it later."""
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / VERSION, f'descentlabNewest("{version}");\n')


def _changes(sweep: Path, every: float) -> Iterator[Live]:
    """Yield the next version whenever a run has changed, while a command holds the lock of the sweep."""
    known: Signature = {}
    count = 0
    while is_held(sweep / LOCK):
        found = _signature(sweep)
        if found and found != known:
            count, known = count + 1, found
            yield Live(str(count), every)
        time.sleep(every)


def _signature(sweep: Path) -> Signature:
    """Return the time of change and the size of the files to which runs write their results."""
    signature: Signature = {}
    for path in (path for name in (CONFIG, CURVES, RECORD) for path in sweep.glob(f"*/{name}")):
        try:
            found = path.stat()
        except OSError:  # removed in the meantime
            continue
        signature[path] = (found.st_mtime_ns, found.st_size)
    return signature
