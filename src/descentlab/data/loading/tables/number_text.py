"""Parse formatted numbers: thousands separators, decimal commas, currencies, units, parentheses for negatives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import polars as pl

BODY = r"[.,]?[0-9](?:[0-9.,' ]*[0-9])?[.,]?(?:[eE][-+]?[0-9]+)?"
CURRENCY = r"(?:US)?\$|[€£¥₹₽]|USD|EUR|GBP|CHF|JPY"
UNIT = rf"(?:{CURRENCY}|[%‰]|°?[A-Za-zµμΩ]{{1,6}}[²³]?(?:/[A-Za-z]{{1,4}}[²³]?)?)"
CELL = rf"^([-+]?)\s*({CURRENCY})?\s*([-+]?)({BODY})\s*({UNIT})?$"
DIGITS = {mark: str(value) for zero in "０٠۰" for value, mark in enumerate(chr(ord(zero) + digit) for digit in range(10))}
SPECIAL = r"^[-+]?(?i:inf|infinity|nan)$"
CODES = 10  # up to this number of distinct numbers with different units may be codes, such as 1st and 2nd


@dataclass(frozen=True)
class Style:
    """A number format: 1,257.5 has decimal "." and thousands ",". `mixed` allows both 1257 and 1,257 in one column."""

    decimal: str
    thousands: str = ""
    mixed: bool = False

    @property
    def pattern(self) -> str:
        """The regular expression of an unsigned number in this style."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        if not self.thousands:
            return rf"^(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?$"
        whole = "[0-9]+" if self.mixed else "[0-9]{1,3}"
        return rf"^(?:[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|{whole})(?:{point}[0-9]*)?$"

    def note(self, bodies: pl.Series) -> str:
        """Return a note on reading `bodies` in this style; "" for the plain style."""
        comma = self.decimal == "," and bodies.str.contains(",", literal=True).any()
        point = ["decimal comma"] if comma else []
        return "; ".join([*point, *(["thousands separators removed"] if self.thousands else [])])


PLAIN, GROUPED, COMMA = Style("."), Style(".", ","), Style(",")
STYLES = (PLAIN, GROUPED, COMMA, Style(",", "."), *(Style(point, mark) for mark in " '" for point in ".,"))


@dataclass(frozen=True)
class Parsed:
    """A column of strings, parsed by one rule.

    `values` (float64) is null where the rule does not apply; `fits` is True where it does and null for missing cells; `like` is
    the number of cells that are numbers in any style or unit.
    """

    values: pl.Series
    fits: pl.Series
    like: int = 0
    note: str = ""
    style: Style | None = None
    what: str = "numbers"
    ambiguous: bool = False

    @property
    def whole(self) -> bool:
        """True if the rule applies to all cells that are not missing, and there is at least one."""
        return bool(self.fits.sum()) and bool(self.fits.drop_nulls().all())


def parse_numbers(cells: pl.Series, decimal: str | None = None) -> Parsed:
    """Parse `cells` as numbers by the single rule that applies to most of them.

    Args:
        cells: stripped strings; null where missing.
        decimal: "." or ","; None: inferred.
    """
    if decimal != ",":
        values = cells.cast(pl.Float64, strict=False)
        if values.null_count() == cells.null_count():
            return Parsed(values, _fits(cells, values.is_not_null()), 0, _zeros(cells), PLAIN)
    tidy = _tidy(cells)
    special = tidy.str.contains(SPECIAL)
    parts = tidy.str.extract_groups(CELL).struct.unnest()
    before, after, body = parts["2"].fill_null(""), parts["5"].fill_null(""), parts["4"]
    affix = _most_common((before + "|" + after).filter(body.is_not_null()))
    agree = body.is_not_null() & (before + "|" + after == affix)
    style = _style(body.filter(agree), decimal)
    fits = (agree & body.str.contains(style.pattern).fill_null(False)) | special.fill_null(False)
    negative = (parts["1"] + parts["3"]).fill_null("") == "-"
    plain = body.str.replace_all(style.thousands, "", literal=True) if style.thousands else body
    numbers = plain.str.replace(style.decimal, ".", literal=True).cast(pl.Float64, strict=False)
    signed = numbers.zip_with(~negative, -numbers)
    values = signed.zip_with(~special.fill_null(False), tidy.cast(pl.Float64, strict=False))
    values = values.zip_with(fits, pl.Series([None], dtype=pl.Float64))
    note = "; ".join(filter(None, (style.note(body.filter(agree)), _affix_note(affix), _parentheses_note(cells, fits))))
    like = int(body.is_not_null().sum()) if before.n_unique() * after.n_unique() == 1 or cells.n_unique() > CODES else 0
    ambiguous = decimal is None and _ambiguous(body.filter(agree), style)
    return Parsed(values, _fits(cells, fits), like, note, style, ambiguous=ambiguous)


def _fits(cells: pl.Series, fits: pl.Series) -> pl.Series:
    return fits.zip_with(cells.is_not_null(), pl.Series([None], dtype=pl.Boolean))


def _tidy(cells: pl.Series) -> pl.Series:
    """Normalise digits, minus signs, blanks, quotes and parentheses: (1 257) becomes -1 257, and '5' becomes 5."""
    cells = cells.str.replace_many(DIGITS).str.replace(r"^'(.*?)'?$", "${1}")
    tidy = cells.str.replace_all("[−–]", "-").str.replace_all("[\u00a0\u2007\u2009\u202f]", " ").str.replace_all("’", "'")
    return tidy.str.strip_chars().str.replace(r"^\(\s*([^-()]+?)\s*\)$", "-${1}")


def _most_common(values: pl.Series) -> str:
    counted = values.value_counts().sort(pl.last(), pl.first(), descending=[True, False])
    return counted.item(0, 0) if counted.height else "|"


def _style(bodies: pl.Series, decimal: str | None) -> Style:
    """Return the style that fits most `bodies`; of several the first."""
    fitting = [style if decimal is None else replace(style, mixed=True) for style in STYLES if decimal in (None, style.decimal)]
    counts = {style: int(bodies.str.contains(style.pattern).sum()) for style in fitting}
    return max(fitting, key=lambda style: counts[style])  # max returns the first of several


def _ambiguous(bodies: pl.Series, style: Style) -> bool:
    """Return True if 1,257 and 1257 both occur, so that the comma may be a decimal comma or a thousands separator."""
    commas = bodies.filter(bodies.str.contains(",", literal=True))
    three = bool(len(commas)) and bool(commas.str.contains(r"^[1-9][0-9]{0,2}(?:,[0-9]{3})+$").all())
    return style == COMMA and three


def _zeros(cells: pl.Series) -> str:
    return "leading zeros removed" if cells.str.contains(r"^0[0-9]").any() else ""


def _affix_note(affix: str) -> str:
    return " and ".join(filter(None, affix.split("|"))) + " removed" if affix != "|" else ""


def _parentheses_note(cells: pl.Series, fits: pl.Series) -> str:
    return "parentheses read as negative" if (cells.str.starts_with("(") & fits).any() else ""
