"""Check the keys of a table's config, and resolve the column names in them against the file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.overrides import format_value, override
from descentlab.errors import nearest

Scalar = str | int | float | bool
KINDS, CATEGORIES = ("regression", "binary", "classes"), ("one_hot", "codes")
NAN = ("nan", "NaN", "NAN")


@dataclass(frozen=True)
class Options:
    """The options of reading a table. See `Table` for the meaning of each key.

    Column names are strings; `test_rows` is (column, values).
    """

    target: str
    kind: Literal["regression", "binary", "classes"]
    positive: Scalar | None
    categorical: tuple[str, ...]
    categories: Literal["one_hot", "codes"]
    max_categories: int
    logarithm: tuple[str, ...]
    missing: tuple[str | float, ...]
    drop: tuple[str, ...]
    group: str | None
    test_rows: tuple[str, tuple[Scalar, ...]] | None
    decimal: str | None
    separator: str | None
    encoding: str | None
    header: bool
    skip: int

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Options:
        """Return the options given by the config's values.

        Raises:
            DataError: a value has the wrong type.
        """
        target, group = names("target", given["target"]), names("group", given["group"])
        for key, found in (("target", target), ("group", group)):
            if len(found) > 1 or (key == "target" and not found):
                raise DataError(f"data.{key}={format_value(given[key])}: {key} is the name of one column: data.{key}=NAME")
        return cls(
            target=target[0],
            kind=choice("kind", given["kind"], KINDS),
            positive=_positive(given["positive"]),
            categorical=names("categorical", given["categorical"]),
            categories=choice("categories", given["categories"], CATEGORIES),
            max_categories=whole("max_categories", given["max_categories"], 1),
            logarithm=names("logarithm", given["logarithm"]),
            missing=sentinels(given["missing"]),
            drop=names("drop", given["drop"]),
            group=group[0] if group else None,
            test_rows=_test_rows(given["test_rows"]),
            decimal=choice("decimal", given["decimal"], (None, ".", ",")),
            separator=_separator(given["separator"]),
            encoding=optional_text("encoding", given["encoding"], "data.encoding=latin-1"),
            header=choice("header", given["header"], (True, False)),
            skip=whole("skip", given["skip"], 0),
        )

    def named(self) -> dict[str, tuple[str, ...]]:
        """Return the columns that each key names."""
        group = (self.group,) if self.group is not None else ()
        test_rows = (self.test_rows[0],) if self.test_rows else ()
        keys = {"target": (self.target,), "group": group, "drop": self.drop}
        return keys | {"categorical": self.categorical, "logarithm": self.logarithm, "test_rows": test_rows}

    def resolved(self, columns: Sequence[str]) -> Options:
        """Return the options with column names as in the table: the number 2021.0 names the column 2021.

        Raises:
            DataError: a named column does not exist, or the target or a dropped column has a second role.
        """
        found = {key: tuple(_column(key, name, columns) for name in wanted) for key, wanted in self.named().items()}
        for key, wanted in found.items():
            if key != "target" and found["target"][0] in wanted:
                raise DataError(f"data.{key}={found['target'][0]} is the target as well: remove it from data.{key}")
            if key not in ("target", "drop") and (both := [name for name in wanted if name in found["drop"]]):
                raise DataError(f"data.drop={both[0]}: it is named by data.{key} as well; remove it from one of the two")
        test_rows = (found["test_rows"][0], self.test_rows[1]) if self.test_rows else None
        lists = {key: found[key] for key in ("drop", "categorical", "logarithm")}
        return replace(self, target=found["target"][0], group=next(iter(found["group"]), None), test_rows=test_rows, **lists)


def _column(key: str, name: str, columns: Sequence[str]) -> str:
    if name in columns:
        return name
    same = [column for column in columns if _equal(name, column)]
    if len(same) == 1:
        return same[0]
    some = ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")
    raise DataError(f"data.{key}={name}: unknown column{nearest(name, columns)}; there are {some}")


def _equal(name: str, column: str) -> bool:
    """Return True if both are the same number or truth value, as YAML reads 2021.0 and 2.021e3, True and true."""
    try:
        return float(name) == float(column)
    except ValueError:
        return name.lower() == column.lower() and name.lower() in ("true", "false", "null")


def names(key: str, value: Any) -> tuple[str, ...]:
    """Return the column names in data.`key`: none, one, or a list. A number 2021 names the column 2021.

    Raises:
        DataError: it is something else.
    """
    if value is None:
        return ()
    if isinstance(value, Scalar):
        return (_text(value),)
    if isinstance(value, Sequence) and all(isinstance(item, Scalar) for item in value):
        return tuple(dict.fromkeys(_text(item) for item in value))
    raise DataError(f"data.{key}={format_value(value)}: give a column's name, or a list of names: 'data.{key}=[x1,x2]'")


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sentinels(value: Any) -> tuple[str | float, ...]:
    """Return the values that represent a missing one, from one value or a list.

    Raises:
        DataError: one of them is neither a string nor a number.
    """
    items = [] if value is None else [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
    found: list[str | float] = []
    for item in items:
        if isinstance(item, bool | Mapping | list):
            raise DataError(f"data.missing={format_value(value)}: give strings or numbers: 'data.missing=[NA,-999]'")
        if item is None:
            found.append("null")
        elif isinstance(item, float) and math.isnan(item):
            found.extend(NAN)
        else:
            found.append(item.strip() if isinstance(item, str) else item)
    return tuple(dict.fromkeys(found))


def choice(key: str, value: Any, options: tuple[Any, ...]) -> Any:
    """Return `value` if it is one of `options`.

    Raises:
        DataError: it is not.
    """
    if not any(value == option and type(value) is type(option) for option in options):
        offered = " or ".join(override(key, option) for option in options)
        raise DataError(f"data.{key}={format_value(value)} is not allowed: {offered}")
    return value


def whole(key: str, value: Any, at_least: int) -> int:
    """Return `value` if it is a whole number of at least `at_least`.

    Raises:
        DataError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise DataError(f"data.{key}={format_value(value)}: give a whole number >= {at_least}: data.{key}={max(at_least, 1)}")
    return value


def optional_text(key: str, value: Any, example: str) -> str | None:
    """Return `value` if it is a non-empty string or None.

    Raises:
        DataError: it is neither.
    """
    if value is None or (isinstance(value, str) and value):
        return value
    raise DataError(f"data.{key}={format_value(value)}: give one string, such as {example}")


def _positive(value: Any) -> Scalar | None:
    if value is None or isinstance(value, Scalar):
        return value
    raise DataError(f"data.positive={format_value(value)}: give the one value of the target that is 1")


def _separator(value: Any) -> str | None:
    value = {"tab": "\t", "\\t": "\t"}.get(value, value) if isinstance(value, str) else value
    if value is None or (isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n'):
        return value
    raise DataError(f"data.separator={format_value(value)}: give one character: 'data.separator=\";\"', or data.separator=tab")


def _test_rows(value: Any) -> tuple[str, tuple[Scalar, ...]] | None:
    if value is None or value == {}:
        return None
    if isinstance(value, Mapping) and len(value) == 1:
        ((column, wanted),) = value.items()
        wanted = [wanted] if isinstance(wanted, Scalar) else wanted
        if isinstance(wanted, Sequence) and wanted and all(isinstance(item, Scalar) for item in wanted):
            return _text(column), tuple(wanted)
    raise DataError(f"data.test_rows={format_value(value)}: give one column and its value: 'data.test_rows={{split: test}}'")
