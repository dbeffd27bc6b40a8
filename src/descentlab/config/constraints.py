"""Constraints on the values of a config: `value in constraint` checks one, `str(constraint)` describes it in a message."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """The numbers from `low` to `high`; `open_low` and `open_high` leave the ends out."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    integer: bool = False
    optional: bool = False

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.integer else int | float):
            return False
        if not math.isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        kind = "a whole number" if self.integer else "a number"
        left = "(" if self.open_low or self.low == -math.inf else "["
        right = ")" if self.open_high or self.high == math.inf else "]"
        return f"{kind} in {left}{self.low:g}, {self.high:g}{right}{' or null' * self.optional}"


@dataclass(frozen=True)
class Choice:
    """A finite set of values."""

    options: tuple[object, ...]

    def __contains__(self, value: object) -> bool:
        return any(value == option and type(value) is type(option) for option in self.options)

    def __str__(self) -> str:
        names = ["null" if option is None else str(option).lower() for option in self.options]
        return names[0] if len(names) == 1 else "one of " + ", ".join(names)


@dataclass(frozen=True)
class Either:
    """The values that satisfy one of two constraints."""

    first: Number | Choice | Each
    second: Number | Choice

    def __contains__(self, value: object) -> bool:
        return value in self.first or value in self.second

    def __str__(self) -> str:
        return f"{self.first}, or {self.second}"

    @property
    def options(self) -> tuple[object, ...]:
        return (*getattr(self.first, "options", ()), *getattr(self.second, "options", ()))


@dataclass(frozen=True)
class Node:
    """A mapping."""

    def __contains__(self, value: object) -> bool:
        return isinstance(value, dict)

    def __str__(self) -> str:
        return "a mapping, as {exclude: node7}"


@dataclass(frozen=True)
class Each:
    """Lists whose elements all satisfy `element`, with `length` elements if it is given."""

    element: Number | Text
    length: int | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, list) or self.length not in (None, len(value)):
            return False
        return all(item in self.element for item in value)

    def __str__(self) -> str:
        return f"a list of {self.length or 'any number of'} values, each {self.element}"


@dataclass(frozen=True)
class Text:
    """Strings that are not empty.

    Args:
        optional: null is allowed.
        without: characters that it must not contain.
        longest: maximum number of characters.
        blank: strings of white space only are allowed.
    """

    optional: bool = False
    without: str = ""
    longest: int | None = None
    blank: bool = False

    def __contains__(self, value: object) -> bool:
        if value is None:
            return self.optional
        if not isinstance(value, str) or not (value if self.blank else value.strip()) or set(value) & set(self.without):
            return False
        return self.longest is None or len(value) <= self.longest

    def __str__(self) -> str:
        excluded = f" without {' '.join(self.without)}" if self.without else ""
        bounded = f" of at most {self.longest} characters" if self.longest else ""
        return f"a string{bounded}{excluded}{' or null' * self.optional}"


Constraint = Number | Choice | Either | Each | Text | Node
