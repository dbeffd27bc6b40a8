"""A number of a single run: of a column or the summary, alone or combined with others."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from descentlab.errors import UsageError, nearest
from descentlab.store.record import Record
from descentlab.studies.measuring.column import column_number, crossing_step, value_when
from descentlab.studies.measuring.formula import evaluate

OF_A_RUN = ("of", "when", "falls_to", "minus", "relative_to", "times")  # keys of a quantity of a single run


def number_of(quantity: Any, record: Record) -> float | None:
    """Return a quantity of a single run; None if it was not measured, and infinity if the run diverged.

    Args:
        quantity: text, see `column_number`, or a mapping with `of` and other keys of OF_A_RUN. They are applied in the order
            `falls_to` (with `when`), `minus`, `relative_to`, `times`.
        record: the run.

    Raises:
        UsageError: the quantity is not one of a single run.
    """
    if isinstance(quantity, str):
        return column_number(quantity, record)
    if not isinstance(quantity, Mapping) or "of" not in quantity:
        raise UsageError(f"quantity {quantity}: write a column, such as train/loss@end, or a mapping with `of`")
    for key in set(quantity) - set(OF_A_RUN):
        raise UsageError(f"quantity {dict(quantity)}: unknown key {key}{nearest(key, OF_A_RUN)}")
    if "when" in quantity:
        if "falls_to" not in quantity:
            raise UsageError(f"quantity {dict(quantity)}: when belongs to falls_to, a number")
        value = value_when(str(quantity["of"]), str(quantity["when"]), float(quantity["falls_to"]), record)
    elif "falls_to" in quantity:
        value = crossing_step(str(quantity["of"]), float(quantity["falls_to"]), record)
    else:
        value = number_of(quantity["of"], record)
    if value is not None and "minus" in quantity:
        value = _combined(value, number_of(quantity["minus"], record), operator.sub)
    if value is not None and "relative_to" in quantity:
        value = _combined(value, number_of(quantity["relative_to"], record), operator.truediv)
    if value is None:
        return None
    return value * evaluate(str(quantity["times"]), record.config) if "times" in quantity else value


def _combined(value: float, other: float | None, operation: Callable[[float, float], float]) -> float | None:
    """Return the difference or quotient of two numbers; None if it is not defined."""
    if other is None or math.isinf(other) or (operation is operator.truediv and other == 0):
        return None
    return operation(value, other)
