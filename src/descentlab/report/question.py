"""The question that a report answers: what is compared, with what, and which differences matter; the node `report` of a config.

The last question of a command is kept in the sweep's folder, so that scripts/report.py and scripts/compare.py give the
statement that the command has printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from descentlab.store.record import read_json, write_json

QUESTION = "report.json"  # in the sweep's folder


@dataclass(frozen=True)
class Question:
    """What a report compares.

    Attributes:
        by: the number to compare, see `criterion.make_criterion`; None: the monitored metric on test data.
        reference: the entry that the others are compared with; None: the best of the others.
        margin: differences below it are practically zero; None: `statistics.equivalence.default_margin`.
    """

    by: str | None = None
    reference: str | None = None
    margin: float | None = None

    @classmethod
    def of(cls, node: Mapping[str, Any] | None) -> Self:
        """Return the question of a config's node `report`; an older config has none."""
        known = node or {}
        return cls(known.get("by"), known.get("reference"), known.get("margin"))

    def write(self, sweep: Path) -> None:
        """Keep the question in the sweep's folder."""
        write_json(sweep / QUESTION, asdict(self))

    @classmethod
    def read(cls, sweeps: Sequence[Path]) -> Self:
        """Return the question that the first of `sweeps` keeps which has any value."""
        kept = (cls.of(read_json(sweep / QUESTION)) for sweep in sweeps)
        return next((question for question in kept if question != cls()), cls())

    def override(self, by: str | None, reference: str | None, margin: float | None) -> Self:
        """Return the question with the values that are not None replaced."""
        given = {"by": by, "reference": reference, "margin": margin}
        return replace(self, **{key: value for key, value in given.items() if value is not None})
