"""The commands that trained a sweep, a line each in a file of its folder: with the commit, they reproduce the sweep."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from descentlab.store.record import write_text

COMMANDS = "commands.txt"
ENTRY = "train.py"
MASK = "..."
SECRET = r"(?:key|token(?!i[sz]e)|secret|passw)"  # a tokenizer is none
LAUNCHER = r"^[+~]*hydra\.launcher(?:\.(?:setup|additional_parameters)\b[^=]*)?="
HIDDEN = re.compile(rf"(?i){SECRET}[^=]*=|{SECRET}[\w.\"' -]*:|{LAUNCHER}")
HIDDEN_FLAG = re.compile(rf"(?i)--?[\w-]*{SECRET}[\w-]*")


def remember(sweep: Path, words: Sequence[str]) -> None:
    """Add a command line to those of a sweep, unless it is among them.

    The file is shared with the report. Values of keys that look like those of secrets, and the shell commands and parameters of
    a launcher, are replaced by ``...``.

    Args:
        sweep: the folder of the sweep.
        words: the command line as in ``sys.argv``. It is ignored if its first word is neither train.py nor a script below the
            current folder and outside of the Python environment: then the sweep was trained from a notebook or another program.
            It is also ignored if it is no line of text, because a word contains a line break or another control character.
    """
    if not words or not words[0]:
        return
    script = os.path.relpath(words[0])
    line = shlex.join(["python", script, *_masked(words[1:])])
    known = read_commands(sweep)
    if (_is_own(script) or Path(script).name == ENTRY) and line.isprintable() and line not in known:
        write_text(sweep / COMMANDS, "".join(f"{each}\n" for each in [*known, line]))


def read_commands(sweep: Path) -> list[str]:
    """Return the commands that trained a sweep, the first one first; empty if none is known."""
    try:
        return (sweep / COMMANDS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _is_own(script: str) -> bool:
    """Return True for a file below the current folder that is not part of the Python environment, as .venv/bin/ipython is."""
    path = Path(script)
    installed = path.parent.resolve().is_relative_to(Path(sys.prefix).resolve())  # the file itself may be a link to a cache
    return path.is_file() and not script.startswith(os.pardir) and not installed


def _masked(words: Sequence[str]) -> Iterator[str]:
    """Yield `words` with MASK for each value that may be secret: ``key=value``, ``key={token: value}`` or ``--token value``."""
    after_flag = False
    for word in words:
        key, equals, _ = word.partition("=")
        if after_flag and not word.startswith("-"):
            yield MASK
        elif HIDDEN.search(word):
            yield f"{key}={MASK}" if equals else MASK
        else:
            yield word
        after_flag = HIDDEN_FLAG.fullmatch(word) is not None
