"""The sceptic: checks that warn about an answer. Every module of this folder is one; a new check needs no other edit.

A check is a module with an ORDER (flags are shown in ascending order) and a function `find`, which yields a flag for each
reason to doubt the answer, and none if it finds nothing::

    ORDER = 45

    def find(answer: Answer) -> Iterator[Flag]:
        for entry in answer.entries:
            if len(entry.completed) < 3:
                yield Flag("few_runs", f"{entry.name} has fewer than 3 completed runs.", entry.name)

The kind of a flag is the name of its module, its message a sentence, and its subject the name of an entry, or "" if it
concerns the whole answer. The order is that of docs/sceptic.md: the flags that may change the conclusion most come first.
With a `frame`, flags of one kind about several entries share a line on the console and on the page (`report.flag_lines`).
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from descentlab.report.answer import Answer, Flag


class Check(Protocol):
    """The contract of a module of this folder."""

    ORDER: int

    def find(self, answer: Answer) -> Iterator[Flag]:
        """Yield a flag for each reason to doubt the answer."""
        ...


def check_names() -> list[str]:
    """Return the names of all checks, found by listing this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find_flags(answer: Answer) -> list[Flag]:
    """Return the flags of all checks, in the order of the checks.

    A check that fails yields a flag that contains its error, and affects no other check.
    """
    found: list[tuple[int, str, list[Flag]]] = []
    for name in check_names():
        check = cast(Check, import_module(f"{__name__}.{name}"))
        try:
            flags = list(check.find(answer))
        except Exception as error:
            flags = [Flag(name, f"The check {name} could not be carried out: {type(error).__name__}: {error}.")]
        found.append((check.ORDER, name, flags))
    return [flag for _, _, flags in sorted(found, key=lambda each: each[:2]) for flag in flags]
