"""The error of a command that cannot be carried out, and the pieces that its messages are made of."""

from __future__ import annotations

import difflib
import json
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path


class UsageError(ValueError):
    """A command that cannot be carried out as written; its text is for the person who wrote it."""


def written(value: object) -> str:
    """`value` as the command line writes it."""
    return str(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False).strip('"')


def one_line(error: BaseException) -> str:
    """What `error` says, in one line of at most 500 characters."""
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= 500 else f"{text[:500]} ..."


def described(error: BaseException) -> str:
    """A sentence about an error: its kind, its text and, where a user's own code raised it, the file and the line."""
    if isinstance(error, UsageError):
        return str(error)
    return f"{type(error).__name__}: {one_line(error)}{_where(error)}"


def _where(error: BaseException) -> str:
    """The last line outside of descentlab and the libraries that `error` passed through."""
    paths = sysconfig.get_paths()
    others = [Path(__file__).parent, *(Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not frame.filename.startswith("<") and not any(path.is_relative_to(other) for other in others):
            return f" ({path.name}, line {frame.lineno}, in {frame.name})"
    return ""


def nearest(word: str, options: Iterable[object]) -> str:
    """ "; did you mean X?" for the option closest to `word`, or nothing."""
    close = difflib.get_close_matches(word, [str(option) for option in options], n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def no_such_key(key: str, where: str, valid: Iterable[str], deeper: Sequence[str] = ()) -> str:
    """The message for an unknown key, with the nearest key that `where` has, or the nodes below it that have such a key."""
    last, known = key.rpartition(".")[2], sorted(valid)
    hint = f"; did you mean {' or '.join(deeper)}?" if deeper else nearest(last, known)
    return f"{key}: there is no {last} in {where}{hint}\n  {where} has: {', '.join(known)}"
