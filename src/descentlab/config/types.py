"""Annotated types for the constructors that a config names by `_target_`: each key's range, next to the class that takes it.

`config.signatures` reads them from the source of a class, and `resolve` checks the config against them before anything starts.
A signature also uses `bool`, `Literal["a", "b"]`, `X | None` and `Annotated[Sequence[X], Len(2, 2)]` for lists of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Interval

from descentlab.config.constraints import Text

Count = Annotated[int, Ge(1)]
Whole = Annotated[int, Ge(0)]
Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
AtLeastOne = Annotated[float, Ge(1)]
Share = Annotated[float, Interval(ge=0, le=1)]
Fraction = Annotated[float, Interval(ge=0, lt=1)]
PositiveShare = Annotated[float, Interval(gt=0, le=1)]
PositiveFraction = Annotated[float, Interval(gt=0, lt=1)]
Name = Annotated[str, Text()]  # a string that is not empty
Separator = Annotated[str, Text(blank=True)]  # separator of columns


@dataclass(frozen=True)
class KeywordsOf:
    """Metadata of `**keywords: Annotated[Any, KeywordsOf(Other)]`: they are passed to `Other`, whose ranges apply to them."""

    target: Any


@dataclass(frozen=True)
class FromData:
    """Metadata of a number that may be null in the config: it is inferred from the data before the class is constructed."""


DataCount = Annotated[int, Ge(1), FromData()]
