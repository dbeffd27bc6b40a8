"""The data that panels draw from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from descentlab.report.drawing.style import Style
from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.curves import curves_by_id
from descentlab.report.statistics.ranking import ranked


@dataclass(frozen=True)
class PanelData:
    """The runs of one comparison, as a panel needs them.

    Args:
        comparison: the series to draw.
        styles: the colour and dash of each series, by label.
    """

    comparison: Comparison
    styles: dict[str, Style]

    @cached_property
    def series(self) -> list[Series]:
        """The series, the best first."""
        return ranked(self.comparison)

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The curves of each run, by run id (see `run_curves` for the columns)."""
        return curves_by_id(self.comparison.runs)

    @property
    def points(self) -> int:
        """The maximum number of points per line, which keeps a page with hundreds of runs small."""
        return max(200, min(1000, 100_000 // len(self.comparison.runs)))
