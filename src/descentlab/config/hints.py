"""The constraint on a config's value that a type hint of a constructor expresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Len, Lt

from descentlab.config.constraints import Choice, Constraint, Each, Either, Number, Text
from descentlab.config.types import FromData

FLAG = Choice((True, False))


def constraint(hint: Any) -> Constraint | None:
    """Return the constraint of a type hint; None if it expresses none, as `int`, `str` and classes do not."""
    origin = get_origin(hint)
    if hint is bool:
        return FLAG
    if origin is Literal:
        return Choice(get_args(hint))
    if origin is Annotated:
        return _annotated(*get_args(hint))
    if origin in (Union, UnionType):
        return _union(get_args(hint))
    if origin is Sequence or origin is list:
        element = constraint(get_args(hint)[0])
        return Each(element) if isinstance(element, Number | Text) else None
    return None


def _annotated(base: Any, *metadata: Any) -> Constraint | None:
    for each in metadata:
        if isinstance(each, Text):
            return each
        if isinstance(each, Len):
            found = constraint(base)
            return replace(found, length=each.min_length) if isinstance(found, Each) else None
    bounds = [each for each in metadata if isinstance(each, Interval | Ge | Gt | Le | Lt)]
    optional = any(isinstance(each, FromData) for each in metadata)
    return _number(base is int, optional, bounds) if bounds else None


def _number(integer: bool, optional: bool, bounds: Sequence[Any]) -> Number:
    """Return the intersection of `bounds`."""
    found: dict[str, Any] = {"integer": integer, "optional": optional}
    for bound in bounds:
        for attribute, low, is_open in (("ge", True, False), ("gt", True, True), ("le", False, False), ("lt", False, True)):
            value = getattr(bound, attribute, None)
            if value is not None:
                found |= {"low": value, "open_low": is_open} if low else {"high": value, "open_high": is_open}
    return Number(**found)


def _union(members: Sequence[Any]) -> Constraint | None:
    """Return the constraint satisfied by any of `members`. None in a union is part of a number's or a string's constraint."""
    found = [constraint(member) for member in members if member is not NoneType]
    if not found or None in found:
        return None
    first = found[0]
    if NoneType in members and len(found) == 1 and isinstance(first, Number | Text):
        return replace(first, optional=True)
    every = [*found, Choice((None,))] if NoneType in members else found
    numbers = [each for each in every if isinstance(each, Number | Each)]
    choices = [each for each in every if isinstance(each, Choice)]
    if len(numbers) == len(choices) == 1:
        return Either(numbers[0], choices[0])
    return Choice(tuple(option for each in choices for option in each.options)) if not numbers else None
