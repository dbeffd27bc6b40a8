"""The panels of the page. Every module of this folder is one; a new panel needs no other edit.

A panel is a module with an ORDER (panels are shown in ascending order) and a function `draw`, which returns None if there is
nothing to show for these runs::

    ORDER = 45

    def draw(data: PanelData) -> Drawing | None:
        return curve_figure(data, "valid/auroc", "Validation AUROC", "linear")

`PanelData` contains the series and their curves; `descentlab.report.drawing` has functions that several panels share.

A panel with OF_RUN = True is also on the page of each run; the data then contain this run only.

A panel over several problems has a function `draw_across(data: AcrossData)` in place of `draw`. It is called once, if the
report has several problems; `AcrossData` contains the answer of each.

A panel of a table of runs (records=table) has a function `draw_table(data: TableData)`.

A panel of the curves that no other panel shows has a function `draw_rest(data: PanelData, shown: Collection[str])`, which is
called after the others of the problem with the columns that they show.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Sequence
from importlib import import_module
from types import ModuleType
from typing import Protocol, cast

from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure, Drawing
from descentlab.report.drawing.table_data import TableData

KINDS = ("draw", "draw_across", "draw_table", "draw_rest")  # the functions of panels


class Panel(Protocol):
    """The contract of a module of this folder."""

    ORDER: int

    def draw(self, data: PanelData) -> Drawing | None:
        """Draw the panel of one problem; return None if there is nothing to show."""
        ...


class PanelAcross(Protocol):
    """The contract of a module of this folder that draws several problems in one panel."""

    ORDER: int

    def draw_across(self, data: AcrossData) -> Drawing | None:
        """Draw the panel of all problems; return None if there is nothing to show."""
        ...


class PanelOfTable(Protocol):
    """The contract of a module of this folder that draws a table of runs."""

    ORDER: int

    def draw_table(self, data: TableData) -> Drawing | None:
        """Draw the panel; return None if there is nothing to show."""
        ...


class PanelOfRest(Protocol):
    """The contract of a module of this folder that draws the curves that no other panel shows."""

    ORDER: int

    def draw_rest(self, data: PanelData, shown: Collection[str]) -> Drawing | None:
        """Draw the columns of one problem that are not among `shown`; return None if there is nothing to show."""
        ...


def panel_names() -> list[str]:
    """Return the names of all panels, found by listing this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def draw_panels(data: PanelData | AcrossData | TableData, of_run: bool = False) -> tuple[list[Drawing], list[str]]:
    """Draw all panels that have something to show.

    Args:
        data: of one problem, for the panels with a function `draw` or `draw_rest`; or of several, for those with `draw_across`;
            or a table of runs, for those with `draw_table`.
        of_run: draw only those with OF_RUN, for the page of a run.

    Returns:
        the drawn panels in their order, and a sentence for each panel that failed. A failure affects no other panel.
    """
    drawn: list[tuple[int, Drawing]] = []
    failures: list[str] = []
    for kind in _kinds_for(data):
        shown = {figure.column for _, figure in drawn if isinstance(figure, CurveFigure)}
        for name in panel_names():
            try:
                module = import_module(f"{__name__}.{name}")
                if of_run and not getattr(module, "OF_RUN", False):
                    continue
                order, figure = _draw(module, kind, data, shown)
            except Exception as error:
                message = f"The panel {name} could not be drawn: {type(error).__name__}: {error}."
                failures += [] if message in failures else [message]  # one that cannot be imported fails for each kind
            else:
                drawn += [] if figure is None else [(order, figure)]
    return [figure for _, figure in sorted(drawn, key=lambda pair: pair[0])], failures


def _kinds_for(data: PanelData | AcrossData | TableData) -> Sequence[str]:
    """Return the kinds of panels that draw `data`."""
    if isinstance(data, PanelData):
        return ("draw", "draw_rest")
    return ("draw_across",) if isinstance(data, AcrossData) else ("draw_table",)


def _draw(
    module: ModuleType, kind: str, data: PanelData | AcrossData | TableData, shown: Collection[str]
) -> tuple[int, Drawing | None]:
    """Return the ORDER of a panel, and its drawing or None if it is of another kind.

    Raises:
        AttributeError: the module has no function that draws.
    """
    order: int = module.ORDER
    if not any(hasattr(module, each) for each in KINDS):
        raise AttributeError(f"module {module.__name__} has no function {', '.join(KINDS)}")
    if not hasattr(module, kind):
        return order, None
    if isinstance(data, AcrossData):
        return order, cast(PanelAcross, module).draw_across(data)
    if isinstance(data, TableData):
        return order, cast(PanelOfTable, module).draw_table(data)
    if kind == "draw_rest":
        return order, cast(PanelOfRest, module).draw_rest(data, shown)
    return order, cast(Panel, module).draw(data)
