"""Errors for keys that are set but have no effect."""

from __future__ import annotations

import polars as pl

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import override

TEXT_KEYS = {"separator": None, "encoding": None, "header": True, "skip": 0}  # keys of text files only, and their defaults


def refuse_text_keys(options: Options, table: pl.DataFrame, what: str) -> None:
    """Check that no key of text files is set for another kind of table; data.decimal may be if `table` has strings.

    Args:
        options: the table's options.
        table: the table.
        what: its origin, for the message.

    Raises:
        DataError: one of the keys is not at its default.
    """
    unused = [key for key, default in TEXT_KEYS.items() if getattr(options, key) != default]
    if options.decimal is not None and pl.String not in table.dtypes:
        unused.append("decimal")
    if unused:
        raise no_effect(unused[0], getattr(options, unused[0]), what)


def no_effect(key: str, value: object, what: str, otherwise: str = "") -> DataError:
    """Return the error of data.`key`=`value`, which has no effect on `what`; `otherwise` is an alternative fix."""
    comma = "," if otherwise else ""
    return DataError(f"{override(key, value)} has no effect on {what}; leave it out{comma}{otherwise}")
