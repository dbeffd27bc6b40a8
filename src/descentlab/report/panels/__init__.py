"""The panels of the page. Every module of this folder is one; a new panel needs no other edit.

A panel is a module with an ORDER (panels are shown in ascending order) and a function `draw`, which returns None if there is
nothing to show for these runs::

    ORDER = 45

    def draw(data: PanelData) -> Drawing | None:
        return curve_figure(data, "valid/auroc", "Validation AUROC", "linear")

`PanelData` contains the series and their curves; `descentlab.report.drawing` has functions that several panels share.

A panel over several problems has a function `draw_across(data: AcrossData)` in place of `draw`. It is called once, if the
report has several problems; `AcrossData` contains the answer of each.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Protocol, cast

from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Drawing


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


def panel_names() -> list[str]:
    """Return the names of all panels, found by listing this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def draw_panels(data: PanelData | AcrossData) -> tuple[list[Drawing], list[str]]:
    """Draw all panels that have something to show.

    Args:
        data: of one problem, for the panels with a function `draw`; or of several, for those with `draw_across`.

    Returns:
        the drawn panels in their order, and a sentence for each panel that failed. A failure affects no other panel.
    """
    drawn: list[tuple[int, Drawing]] = []
    failures: list[str] = []
    for name in panel_names():
        try:
            order, figure = _draw(import_module(f"{__name__}.{name}"), data)
        except Exception as error:
            failures.append(f"The panel {name} could not be drawn: {type(error).__name__}: {error}.")
        else:
            drawn += [] if figure is None else [(order, figure)]
    return [figure for _, figure in sorted(drawn, key=lambda pair: pair[0])], failures


def _draw(module: ModuleType, data: PanelData | AcrossData) -> tuple[int, Drawing | None]:
    """Return the ORDER and the drawing of a panel; None for a panel of the other kind."""
    is_across = hasattr(module, "draw_across")
    if isinstance(data, AcrossData):
        across = cast(PanelAcross, module)
        return across.ORDER, across.draw_across(data) if is_across else None
    panel = cast(Panel, module)
    return panel.ORDER, None if is_across else panel.draw(data)
