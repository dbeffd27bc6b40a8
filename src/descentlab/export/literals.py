"""Values, assignments and calls as source, wrapped as a formatter does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 128  # characters of a line


def literal(value: Any) -> str:
    """Return a plain value as source: repr, with strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(literal(each) for each in value) + ("," * (len(value) == 1)) + ")"
    if isinstance(value, Sequence):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return repr(value)


def assignment(name: str, value: str, comment: str = "") -> str:
    """Return `name = value`, with the comment at the end of the line, or above it if the line is too long."""
    line = f"{name} = {value}"
    if not comment:
        return line
    return f"{line}  {comment}" if len(line) + len(comment) + 2 <= WIDTH else f"{comment}\n{line}"


def call(function: str, arguments: Mapping[str, str], first: str = "", indent: int = 4, before: str = "return ") -> str:
    """Return a call of `function`, on several lines if one is too short.

    Args:
        function: its name.
        arguments: source of the keyword arguments.
        first: source of the positional argument, if there is one.
        indent: spaces before the statement that contains the call.
        before: the text of that statement before the call.
    """
    words = [*([first] if first else []), *(f"{name}={value}" for name, value in arguments.items())]
    line = f"{function}({', '.join(words)})"
    if indent + len(before) + len(line) <= WIDTH:
        return line
    margin = " " * indent
    return f"{function}(\n" + "".join(f"{margin}    {word},\n" for word in words) + f"{margin})"
