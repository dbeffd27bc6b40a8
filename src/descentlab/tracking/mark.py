"""The mark of a tracked run: a file in its folder that reports whether W&B has the run, and who writes it.

A run that is logged while it trains has the mark from its start. Other runs get it once they are written after their end, so
that a run without a mark is one that is still to be written: the same command writes it.
"""

from __future__ import annotations

from pathlib import Path

from descentlab.store.record import CURVES, PARQUET, TRACKED, Record, read_json, write_json


def mark_live(folder: Path) -> None:
    """Mark the run in `folder` as one that is logged while it trains."""
    write_json(folder / TRACKED, {"live": True})


def mark_written(folder: Path, error: str = "") -> None:
    """Mark the run in `folder` as written after its end; with an `error`, it is written again by the next command."""
    write_json(folder / TRACKED, {"live": False, "error": error})


def error_of(folder: Path) -> str:
    """Return the error that kept the run in `folder` from being written after its end; empty if there was none."""
    return str(read_json(folder / TRACKED).get("error", ""))


def unmark(folder: Path) -> None:
    """Remove the mark of the run in `folder`, if there is one."""
    (folder / TRACKED).unlink(missing_ok=True)


def is_unwritten(record: Record, folder: Path) -> bool:
    """Return True if the ended run in `folder` has a logger and curves, and W&B does not have it.

    A run whose process ended before it trained has no curves, and is not tracked.
    """
    if not (record.config.get("logger") or {}).get("project") or ((folder / TRACKED).exists() and not error_of(folder)):
        return False
    return any((folder / name).exists() for name in (PARQUET, CURVES))
