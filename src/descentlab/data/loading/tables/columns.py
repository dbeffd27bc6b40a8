"""Read columns as numbers or as categories. A column that is mostly numbers is never silently read as a category."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.datetimes import TRUTH, native_datetimes, parse_booleans, parse_dates, parse_times
from descentlab.data.loading.tables.lookalikes import (
    Form,
    category_warning,
    decimal_warning,
    doubtful_commas,
    form_of,
    has_decimal_points,
)
from descentlab.data.loading.tables.missing import strings_of, stripped, without_datetimes, without_sentinels
from descentlab.data.loading.tables.number_text import GROUPED, PLAIN, Parsed, Style, parse_numbers
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import CELL, override, shortened

UNBOUNDED = 10**12
EXACT = 2**53  # integers beyond it are not exact in float64
SHOWN = 3  # largest number of unreadable cells in a message


@dataclass(frozen=True)
class Column:
    """A column after reading.

    `values` are float64, or integers if float64 would not be exact, or strings if `is_number` is False; null where missing.
    `note` describes conversions, `warning` is a sentence about a doubtful reading, or "".
    """

    name: str
    values: pl.Series
    is_number: bool
    note: str = ""
    style: Style | None = None
    warning: str = ""


def read_columns(table: pl.DataFrame, names: Sequence[str], options: Options) -> dict[str, Column]:
    """Read the columns `names` of `table`. The target, if it is one of them, may have any number of categories.

    If one column has decimal commas, 1,257 and 1.257 in other columns are read by that convention; a column with both 1,257
    and 501 is then refused as ambiguous.

    Raises:
        DataError: a column is neither all numbers nor a category, or has too many categories.
    """
    nested = [name for name in names if table[name].dtype.is_nested() or table[name].dtype in (pl.Binary, pl.Object)]
    if nested:
        raise DataError(f"neither numbers nor strings are in {', '.join(nested)}: {override('drop', nested)}")
    bounds = {options.target: replace(options, max_categories=UNBOUNDED, categorical=())}
    columns = {name: read_column(table[name], bounds.get(name, options)) for name in names}
    return columns if options.decimal is not None else _in_context(table, columns, bounds, options)


def _in_context(
    table: pl.DataFrame, columns: dict[str, Column], bounds: Mapping[str, Options], options: Options
) -> dict[str, Column]:
    """Return `columns` with points and commas interpreted consistently across columns."""
    comma = next((name for name, column in columns.items() if column.style and column.style.decimal == ","), None)
    strings = {name: stripped(table[name], options) for name, column in columns.items() if column.style in (GROUPED, PLAIN)}
    points = any(has_decimal_points(cells) for name, cells in strings.items() if columns[name].style == PLAIN)
    for name, cells in strings.items():
        if comma is not None and _reads_with_comma(cells):
            if doubtful := doubtful_commas(cells):
                raise DataError(_either_comma(name, *doubtful, comma))
            columns[name] = read_column(table[name], replace(bounds.get(name, options), decimal=","))
        elif columns[name].style == PLAIN:
            columns[name] = replace(columns[name], warning=decimal_warning(cells, points))
    return columns


def _reads_with_comma(cells: pl.Series) -> bool:
    """Return True if `cells` contain points or commas and are numbers under a decimal comma as well."""
    return cells.str.contains("[.,]").any() and parse_numbers(cells, ",").whole


def read_column(raw: pl.Series, options: Options) -> Column:
    """Read one column.

    Raises:
        DataError: it is neither all numbers nor a category, or it has too many categories.
    """
    if raw.name in options.categorical or raw.dtype in (pl.Categorical, pl.Enum):
        return _bounded(Column(raw.name, as_strings(raw, options), is_number=False), options)
    if raw.dtype not in (pl.String, pl.Null):
        values, note = _native(raw)
        return Column(raw.name, without_datetimes(raw, without_sentinels(values, options), options), True, note)
    cells = stripped(raw, options)
    parsed = parse_numbers(cells, options.decimal)
    if parsed.ambiguous:
        raise DataError(_ambiguous(cells))
    if not parsed.whole and cells.null_count() < len(cells):
        others = [parse(cells) for parse in (parse_dates, parse_times, parse_booleans)]
        whole = next((each for each in others if each.whole), None)
        if whole is None and options.decimal and parse_numbers(cells).fits.sum() > parsed.fits.sum():
            raise DataError(_other_decimal(cells, options.decimal))
        if whole is None and parsed.like and (form := form_of(cells)) is not None and form.what == "dates":
            raise DataError(_dated(cells, form, options))
        if whole is None and (partial := _mostly(cells, [parsed, *others[:2]])):
            raise DataError(_unreadable(cells, partial, raw, options))
        if whole is None:
            return _bounded(Column(raw.name, cells, is_number=False, warning=category_warning(cells)), options)
        parsed = whole
    values = _exact(cells) if parsed.note == "" else None
    return Column(
        raw.name, without_sentinels(parsed.values if values is None else values, options), True, parsed.note, parsed.style
    )


def as_strings(raw: pl.Series, options: Options) -> pl.Series:
    """Return the categories of `raw` as strings: 1 for both 1 and 1.0, true for True; null where missing.

    Numbers beyond 2^53 keep their own digits, since float64 would merge neighbouring integers.
    """
    if raw.dtype == pl.Boolean:
        return stripped(raw, options)
    cells = stripped(raw, options)
    if parse_booleans(cells).whole:
        return cells.str.to_lowercase()
    parsed = parse_numbers(cells, options.decimal)
    if not parsed.whole or parsed.note or not parsed.values.drop_nulls().is_finite().all():
        return cells
    large = (parsed.values.abs() >= EXACT).fill_null(False)
    values = without_sentinels(parsed.values.set(large, None), options)
    held = values.drop_nulls()
    whole = (held == held.round()).all()
    strings = (values.cast(pl.Int64) if whole else values).cast(pl.String)
    return strings.zip_with(~large, cells.str.strip_prefix("+").str.replace(r"\.0*$", ""))


def equal_to(strings: pl.Series, value: str | float) -> pl.Series:
    """Return a mask of the `strings` (as as_strings returns them) that equal `value`: as a string, or else as a number.

    Integers beyond 2^53 are equal only if all their digits are.
    """
    text = str(value).strip()
    text = text.lower() if text.lower() in ("true", "false") else text
    same = (strings == text).fill_null(False)
    number, numbers = parse_numbers(pl.Series([text])), parse_numbers(strings)
    if same.any() or number.note or not number.whole or numbers.note or not numbers.whole or abs(number.values[0]) >= EXACT:
        return same
    return (numbers.values == number.values[0]).fill_null(False)


def _native(raw: pl.Series) -> tuple[pl.Series, str]:
    """Return the numbers in a column that is not of strings, and a note of their conversion."""
    kind = raw.dtype
    if kind.is_temporal():
        return native_datetimes(raw)
    if kind == pl.Boolean:
        return raw.cast(pl.Float64), TRUTH
    if kind.is_integer() and _beyond(raw):
        return raw, ""
    return raw.cast(pl.Float64), ""


def _exact(cells: pl.Series) -> pl.Series | None:
    """Return the integers in `cells` if float64 cannot represent them exactly, else None."""
    whole = cells.cast(pl.Int128, strict=False)
    return whole if whole.null_count() == cells.null_count() and _beyond(whole) else None


def _beyond(values: pl.Series) -> bool:
    limits = [value for value in (values.min(), values.max()) if isinstance(value, int)]
    return any(not -EXACT <= value <= EXACT for value in limits)


def _mostly(cells: pl.Series, forms: Sequence[Parsed]) -> Parsed | None:
    """Return the form that most cells or most distinct cells have, or None."""
    best = max(forms, key=lambda form: form.fits.sum())
    distinct, cell_count = cells.drop_nulls().n_unique(), len(cells) - cells.null_count()
    matched = cells.filter(best.fits.fill_null(False)).n_unique()
    return best if max(best.fits.sum(), best.like) > cell_count / 2 or matched > distinct / 2 else None


def _unreadable(cells: pl.Series, parsed: Parsed, raw: pl.Series, options: Options) -> str:
    bad = (~parsed.fits).fill_null(False)
    places, name = bad.arg_true().to_list(), cells.name
    strings = cells.filter(bad).unique(maintain_order=True).to_list()
    shown = ", ".join(f"{shortened(cells[place])} (row {place + 1})" for place in places[:SHOWN])
    more = ", ..." if len(places) > SHOWN else ""
    kept = [text for each in options.missing for text in strings_of(each) if (raw.str.strip_chars() == text).any()]
    comma = any(re.search(r"[0-9],[0-9]", text) for text in strings)
    decimal = f"{override('decimal', ',')} reads decimal commas, " if comma and not options.decimal else ""
    number = f"{len(places):,} of {len(cells) - cells.null_count():,} cells"
    what = f"{name}: {number} cannot be read as {parsed.what} like the others: {shown}{more}; {decimal}"
    if name == options.target:
        return f"{what}correct these cells or remove their rows, since a target must not have missing values"
    fitting = [text for text in strings[:SHOWN] if len(text) <= CELL and "\n" not in text]
    gaps = override("missing", [*kept, *fitting, *(["..."] if len(strings) > len(fitting) else [])])
    category = f"{override('categorical', [name])} makes the column a category"
    return f"{what}{gaps} treats them as missing, {category}, {override('drop', [name])} leaves it out"


def _ambiguous(cells: pl.Series) -> str:
    comma = cells.filter(cells.str.contains(",", literal=True))[0]
    plain = cells.filter(cells.str.contains(r"^[-+]?\d{4,}$"))
    alongside = f" alongside {plain[0]}" if len(plain) else ""
    fix = f"{override('decimal', ',')} or {override('decimal', '.')}"
    return f"{cells.name}: the comma of {comma}{alongside} may be a decimal comma or a thousands separator: {fix}"


def _either_comma(name: str, comma: str, plain: str, other: str) -> str:
    problem = f"{name}: the comma of {comma} alongside {plain} may be a decimal comma, as in {other}, or a thousands separator"
    fix = f"{override('decimal', ',')} reads decimals, {override('drop', [name])} leaves the column out"
    return f"{problem}: {fix}; for thousands remove the commas from {name}"


def _dated(cells: pl.Series, form: Form, options: Options) -> str:
    some = ", ".join(map(shortened, cells.drop_nulls().unique(maintain_order=True).head(SHOWN).to_list()))
    what = f"{cells.name}: the cells look like {form.what} ({some}): {form.fix}"
    if cells.name == options.target:
        return what
    category = f"{override('categorical', [cells.name])} makes the column a category"
    return f"{what}, {category}, {override('drop', [cells.name])} leaves it out"


def _other_decimal(cells: pl.Series, decimal: str) -> str:
    mark = "." if decimal == "," else ","
    some = cells.filter(cells.str.contains(mark, literal=True).fill_null(False)).head(SHOWN).to_list()
    name = cells.name
    fix = f"data.decimal=null reads each column by itself, {override('categorical', [name])} makes it a category"
    return (
        f"{name}: cells such as {', '.join(map(shortened, some))} are not numbers under {override('decimal', decimal)}: {fix}"
    )


def _bounded(column: Column, options: Options) -> Column:
    cells = column.values.drop_nulls()
    distinct = cells.n_unique()
    if distinct <= options.max_categories:
        return column
    form = form_of(cells)
    hint = f"; they look like {form.what}: {form.fix}" if form else ""
    name, some = column.name, ", ".join(map(shortened, cells.unique(maintain_order=True).head(SHOWN).to_list()))
    what = f"{name} has {distinct:,} distinct strings ({some}, ...) in {len(cells):,} rows"
    fix = f"{override('drop', [name])} leaves it out, {override('max_categories', distinct)} codes them all{hint}"
    raise DataError(f"{what}, more than data.max_categories={options.max_categories}: {fix}")
