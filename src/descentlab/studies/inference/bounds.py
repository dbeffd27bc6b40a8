"""Bounds that an effect must meet: at_most, at_least, within."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from descentlab.errors import format_value

KEYS = ("at_most", "at_least", "within")


@dataclass(frozen=True)
class Bound:
    """The interval of the effects for which a claim holds.

    Args:
        low: its lower end; -inf: none.
        high: its upper end; inf: none.
        text: the bound in words, such as "at most 1.1".
        strict: True if the lower end itself does not meet the bound.
    """

    low: float
    high: float
    text: str
    strict: bool = False

    def holds(self, low: float, high: float) -> bool:
        """Return True if the interval from `low` to `high` lies inside the bound."""
        return (low > self.low if self.strict else low >= self.low) and high <= self.high

    def fails(self, low: float, high: float) -> bool:
        """Return True if the interval from `low` to `high` lies outside the bound."""
        return low > self.high or (high <= self.low if self.strict else high < self.low)

    def slack(self, value: float) -> float:
        """Return the distance of `value` to the nearest end, negative outside the bound; -inf for NaN."""
        return -math.inf if math.isnan(value) else min(value - self.low, self.high - value)

    def nearest_end(self, value: float) -> float:
        """Return the end that is nearest to `value`."""
        return self.low if abs(value - self.low) <= abs(value - self.high) else self.high

    @property
    def contradiction(self) -> float:
        """The infinite value that does not meet the bound."""
        return math.inf if self.high < math.inf else -math.inf


POSITIVE = Bound(0.0, math.inf, "above 0", strict=True)
ABOVE_ONE = Bound(1.0, math.inf, "above 1", strict=True)


def bound_of(settings: Mapping[str, Any]) -> Bound:
    """Return the bound of valid settings: of the one key of KEYS that they have."""
    if "at_most" in settings:
        return Bound(-math.inf, float(settings["at_most"]), f"at most {settings['at_most']:g}")
    if "at_least" in settings:
        return Bound(float(settings["at_least"]), math.inf, f"at least {settings['at_least']:g}")
    low, high = settings["within"]
    return Bound(float(low), float(high), f"within [{low:g}, {high:g}]")


def mistakes_of_bound(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the keys of the bound."""
    given = [key for key in KEYS if key in settings]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has no bound"
        yield f"The check {found}; it needs one of {', '.join(KEYS)}."
    for key in given:
        yield from mistakes_of_range("within", settings[key]) if key == "within" else mistakes_of_number(key, settings[key])


def mistakes_of_number(key: str, value: object, low: float = -math.inf, high: float = math.inf) -> Iterator[str]:
    """Yield a sentence if `value` is not a finite number from `low` to `high`."""
    if isinstance(value, str) and _is_number(value):
        yield f"{key}: {value} is text in YAML; write {float(value)!r}, or 1.0e-3 with a point and a sign."
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield f"{key} is a finite number, got {format_value(value)}."
    elif not low <= value <= high:
        limits = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        yield f"{key} is {limits}, got {value:g}."


def mistakes_of_range(key: str, value: object) -> Iterator[str]:
    """Yield a sentence for each mistake in a range [low, high]."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        yield f"{key} is a list of two numbers, [low, high], got {format_value(value)}."
        return
    found = [sentence for end in value for sentence in mistakes_of_number(key, end)]
    yield from found
    if not found and not value[0] < value[1]:
        yield f"{key}: {value[0]:g} is not below {value[1]:g}."


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
