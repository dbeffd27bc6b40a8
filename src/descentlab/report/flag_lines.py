"""The lines that show the flags of an answer: flags of one kind about several entries share a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.answer import Flag
from descentlab.report.statement import join_words


@dataclass(frozen=True)
class FlagLine:
    """A line about one flag, or about several that differ in their entries.

    Attributes:
        message: the sentence to show.
        flags: the flags that it combines.
    """

    message: str
    flags: list[Flag]


def flag_lines(flags: Sequence[Flag]) -> list[FlagLine]:
    """Return the lines of flags, in the order of the first flag of each; flags with the same `frame` share a line."""
    groups: dict[object, list[Flag]] = {}
    for position, flag in enumerate(flags):
        groups.setdefault((flag.kind, flag.frame or position), []).append(flag)
    return [FlagLine(_message(group), group) for group in groups.values()]


def _message(flags: Sequence[Flag]) -> str:
    """Return the message of a flag; of several, their names with the message that they share or the list of their details."""
    first = flags[0]
    if len(flags) == 1 or first.frame is None:
        return first.message
    findings = {flag.message.removeprefix(f"{flag.subject}: ") for flag in flags}
    if len(findings) == 1:
        return f"{join_words([flag.subject for flag in flags])}: {findings.pop()}"
    before, after = first.frame
    return f"{before}{join_words([f'{flag.subject} {flag.detail}'.strip() for flag in flags])}{after}"
