"""Scratch files of atomic writes: each holds the new content of a file until it replaces the old one.

A process that is killed during a write leaves its scratch file behind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

PATTERN = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d{1,9})")


def scratch_path(path: Path) -> Path:
    """Return the scratch file of `path` for this process: .NAME.PID in the same folder."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def left_behind(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Yield the scratch files in `folder` whose process has ended.

    Args:
        folder: the folder. The processes that write into it must run on this machine.
        names: the names of the files whose scratch files are yielded.
    """
    for path in sorted(folder.glob(".*")):
        found = PATTERN.fullmatch(path.name)
        if found and found["name"] in names and not _lives(int(found["pid"])) and path.is_file():
            yield path


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        return True
    return True
