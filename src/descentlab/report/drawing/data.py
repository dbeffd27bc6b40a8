"""The data that panels draw from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from descentlab.report.answer import Answer
from descentlab.report.drawing.style import Style
from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.ranking import ranked, ranked_series
from descentlab.store.record import Record, read_layers


@dataclass(frozen=True)
class PanelData:
    """The runs of one comparison, as a panel needs them.

    Args:
        answer: the conclusions about the comparison; its entries are the optimizers at their selected settings.
        styles: the colour, dash and shade of each series, by label.
    """

    answer: Answer
    styles: dict[str, Style]

    @property
    def comparison(self) -> Comparison:
        """The series that are compared, and the trials of a tuned sweep."""
        return self.answer.comparison

    @property
    def selected(self) -> list[Series]:
        """The series of the entries, in their order: one for each optimizer, at its selected settings."""
        return [entry.series for entry in self.answer.entries]

    @cached_property
    def series(self) -> list[Series]:
        """The series, the best first."""
        return ranked(self.comparison)

    @cached_property
    def all_series(self) -> list[Series]:
        """The selected series, then the other ones and the trials of a tuned sweep, the best first; each label once."""
        trials = ranked_series(self.comparison.trials, self.comparison)
        return list({one.label: one for one in [*self.selected, *self.series, *trials]}.values())

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The curves of each run, trials included, by run id (see `run_curves` for the columns)."""
        return self.comparison.curves

    @cached_property
    def _layers(self) -> dict[str, pl.DataFrame]:
        return {}

    def layers(self, run: Record) -> pl.DataFrame:
        """Return what probes measured of the layers of `run`, see `read_layers`; its file is read once, when it is needed."""
        if run.id not in self._layers:
            self._layers[run.id] = read_layers(run.folder)
        return self._layers[run.id]
