"""An alert of a run: a problem that was found while it trained, as its record stores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Alert:
    """A problem of a run.

    Args:
        rule: name of the rule that found it.
        step: the first step at which it is visible, counted from 0.
        message: a sentence with the numbers that show it, without the step.
        layer: the layer that it concerns; None: the whole model.
        fixes: words for the command line, each of which is expected to fix it; the best one first. One fix is an override, or
            several separated by spaces.
    """

    rule: str
    step: int
    message: str
    layer: str | None = None
    fixes: Sequence[str] = ()

    def __str__(self) -> str:
        """Return the message and the fixes, one per line."""
        message = f"{self.message} (since step {self.step:,})"
        if not self.fixes:
            return message
        return "\n  ".join([f"{message}; try one of these, in place of settings of the same keys:", *self.fixes])

    def stored(self) -> dict[str, Any]:
        """Return the alert as the record stores it."""
        return {**asdict(self), "fixes": list(self.fixes)}


def alerts_of(summary: Mapping[str, Any]) -> list[Alert]:
    """Return the alerts in the summary of a record."""
    return [Alert(**stored) for stored in summary.get("alerts") or ()]
