"""Format values and keys as overrides of the command line, for messages that suggest a fix."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence

CELL = 40  # largest number of characters of a cell in a message


def format_value(value: object) -> str:
    """Return `value` in the syntax of Hydra's command line, quoted only if necessary."""
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z0-9_./:\-]+", value) and value.lower() not in (
            "true",
            "false",
            "null",
            "nan",
            "inf",
            "-inf",
        )
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {format_value(item)}" for key, item in value.items()) + "}"
    return listed(value) if isinstance(value, Sequence) else str(value)


def override(key: str, value: object) -> str:
    """Return data.`key`=`value` for a shell, in single quotes if necessary."""
    if isinstance(value, list | tuple):
        text = f"data.{key}={listed(value)}"
    else:
        text = f"data.{key}={value if value in ('true', 'false') else format_value(value)}"
    quoted = text.replace("'", "'\\''")
    return text if re.fullmatch(r"[A-Za-z0-9_./:=\-]+", text) else f"'{quoted}'"


def shortened(cell: str) -> str:
    """Return `cell` on one line, truncated to CELL characters."""
    line = " ".join(cell.split())
    return line if len(line) <= CELL else line[:CELL] + "..."


def count(number: int, what: str) -> str:
    """Return a number with its noun: "1 row" or "1,000 rows"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(values: Iterable[object]) -> str:
    """Return `values` as a list in the syntax of Hydra's command line: [a,"b c"]."""
    return "[" + ",".join(map(format_value, values)) + "]"
