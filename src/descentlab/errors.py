"""The error raised for a command that cannot be run, and functions that format its messages."""

from __future__ import annotations

import difflib
import json
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn


class UsageError(ValueError):
    """A mistake in a command or a config file; the message is shown to the user without a traceback and names the fix."""


def exit_with(program: str, error: Exception) -> NoReturn:
    """Print `error` and end the process with exit code 2 for a mistake in the command, and 1 for any other error."""
    sys.stderr.write(f"{program}: {error}\n")
    sys.exit(2 if isinstance(error, UsageError) else 1)


MEMORY = ("MemoryError", "out of memory", "not enough memory", "allocate memory")  # in messages of Python, torch and CUDA


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if `error` reports that memory could not be allocated; torch raises RuntimeErrors for this."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in MEMORY)


def format_value(value: object) -> str:
    """Return `value` in the syntax of the command line."""
    return str(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False).strip('"')


def one_line(error: BaseException) -> str:
    """Return the text of `error` on one line, cut after 500 characters."""
    text = " ".join(str(error).split()) or "no message"
    return text if len(text) <= 500 else f"{text[:500]} ..."


def describe_error(error: BaseException) -> str:
    """Return the type and text of `error` and, if it passed through a user's own code, the file and line there.

    The text of a UsageError is returned unchanged.
    """
    if isinstance(error, UsageError):
        return str(error)
    return f"{type(error).__name__}: {one_line(error)}{_user_location(error)}"


def _user_location(error: BaseException) -> str:
    """Return the innermost file and line of the traceback outside descentlab and the installed libraries, or ''."""
    paths = sysconfig.get_paths()
    others = [Path(__file__).parent, *(Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not frame.filename.startswith("<") and not any(path.is_relative_to(other) for other in others):
            return f" ({path.name}, line {frame.lineno}, in {frame.name})"
    return ""


def nearest(word: str, options: Iterable[object]) -> str:
    """Return "; did you mean X?" for the option most similar to `word`, or '' if none is similar."""
    close = difflib.get_close_matches(word, [str(option) for option in options], n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def no_such_key(key: str, where: str, valid: Iterable[str], deeper: Sequence[str] = ()) -> str:
    """Return the message for an unknown key.

    Args:
        key: dotted, as the user typed it.
        where: the node that lacks it; '' for the top level of the config.
        valid: the keys that the node has; the most similar one is suggested.
        deeper: dotted keys of the same name below the node, suggested instead if there are any.
    """
    last, known = key.rpartition(".")[2], sorted(valid)
    hint = f"; did you mean {' or '.join(deeper)}?" if deeper else nearest(last, known)
    place = f" {last} in {where}" if where else ""
    return f"{key}: unknown key{place}{hint}\n  {where or 'the top level'} has: {', '.join(known)}"
