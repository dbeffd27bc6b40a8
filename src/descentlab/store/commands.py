"""The commands that trained a sweep, a line each in a file of its folder: with the commit, they reproduce the sweep."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from descentlab.store.record import write_text

COMMANDS = "commands.txt"
ENTRY = "train.py"


def remember(sweep: Path, words: Sequence[str]) -> None:
    """Add a command line to those of a sweep, unless it is among them.

    Args:
        sweep: the folder of the sweep.
        words: the command line as in ``sys.argv``. It is ignored if its first word is neither train.py nor a script below the
            current folder: then the sweep was trained from a notebook or another program.
    """
    script = os.path.relpath(words[0])
    own = Path(script).is_file() and not script.startswith(os.pardir)
    known = read_commands(sweep)
    line = shlex.join(["python", script, *words[1:]])
    if (own or Path(script).name == ENTRY) and line not in known:
        write_text(sweep / COMMANDS, "".join(f"{each}\n" for each in [*known, line]))


def read_commands(sweep: Path) -> list[str]:
    """Return the commands that trained a sweep, the first one first; empty if none is known."""
    try:
        return (sweep / COMMANDS).read_text().splitlines()
    except OSError:
        return []
