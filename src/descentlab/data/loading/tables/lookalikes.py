"""Detect columns that may be misread: dates read as categories, thousands separators read as decimal points."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from descentlab.data.loading.tables.datetimes import LOOKS_DATED
from descentlab.data.loading.tables.overrides import override, shortened

SHOWN = 3
THOUSANDS = r"^[-+]?[1-9][0-9]{0,2}(?:%s[0-9]{3})+$"


@dataclass(frozen=True)
class Form:
    """A form of cells that is not read as numbers, and the format in which it would be."""

    what: str
    pattern: str
    fix: str


FORMS = (
    Form("dates", rf"{LOOKS_DATED}|^[0-9]{{4}}[-/.][0-9]{{1,2}}$", "in the format 2024-01-31 they are read as days"),
    Form("times", r"^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s*(?i:[ap]\.?m\.?)$", "in the format 17:30 they are read as hours"),
    Form("durations", r"^[0-9]+:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?$", "in the format 25.5 they are read as numbers"),
    Form("fractions", r"^[0-9]+\s*/\s*[0-9]+$", "in the format 0.375 they are read as numbers"),
    Form("numbers with a trailing sign", r"^[0-9]+(?:[.,][0-9]+)?[-+]$", "in the format -25 they are read as numbers"),
    Form("bounds of numbers", r"^[<>≤≥~≈]=?\s*[0-9][0-9.,]*$", "in the format 25 they are read as numbers"),
)


def form_of(cells: pl.Series) -> Form | None:
    """Return the form that more than half of the `cells` have, or None."""
    present = len(cells) - cells.null_count()
    return next((form for form in FORMS if int(cells.str.contains(form.pattern).sum()) > present / 2), None)


def category_warning(cells: pl.Series) -> str:
    """Return a warning if the cells of a category look like dates, times or numbers, else ""."""
    form = form_of(cells)
    if form is None:
        return ""
    some = ", ".join(map(shortened, cells.drop_nulls().unique(maintain_order=True).head(SHOWN).to_list()))
    what = f"{cells.name} is read as a category, but its cells look like {form.what} ({some}): {form.fix}"
    keys = f"{override('categorical', [cells.name])} confirms the category, {override('drop', [cells.name])} leaves it out"
    return f"{what}; {keys}."


def decimal_warning(cells: pl.Series, elsewhere: bool) -> str:
    """Return a warning if decimal points may be thousands separators, as in a column of 28.798 and 950, else "".

    Args:
        cells: strings, read as numbers with decimal points.
        elsewhere: True if another column has decimal points, so that data.decimal cannot be a comma.
    """
    plain = cells.filter(cells.str.contains(r"^[-+]?[0-9]{1,3}$").fill_null(False))
    pointed = cells.filter(cells.str.contains(THOUSANDS % r"\.").fill_null(False))
    if not len(pointed) or not len(plain) or len(pointed) + len(plain) < len(cells) - cells.null_count():
        return ""
    fix = f"remove it from {cells.name}" if elsewhere else f"{override('decimal', ',')} reads them"
    what = f"{cells.name}: cells such as {pointed[0]} alongside {plain[0]} are read as decimals"
    return f"{what}; if the point separates thousands, {fix}."


def has_decimal_points(cells: pl.Series) -> bool:
    """Return True if the points of `cells`, which are numbers, cannot all be thousands separators."""
    pointed = cells.filter(cells.str.contains(".", literal=True).fill_null(False))
    return bool(len(pointed)) and not pointed.str.contains(THOUSANDS % r"\.").all()


def doubtful_commas(cells: pl.Series) -> tuple[str, str] | None:
    """Return two cells such as 1,801 and 501 if all commas precede three digits and some integers have none, else None."""
    commas = cells.filter(cells.str.contains(",", literal=True).fill_null(False))
    plain = cells.filter(cells.str.contains(r"^[-+]?[0-9]+$").fill_null(False))
    if len(commas) and len(plain) and commas.str.contains(THOUSANDS % ",").all():
        return commas[0], plain[0]
    return None
