"""Reducers: one number from the values of an arm and a seed at all `x`, by the functions of `quantities`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from descentlab.studies.quantities.expected_best_of import expected_best_of
from descentlab.studies.quantities.largest_passing import largest_passing
from descentlab.studies.quantities.log_slope import log_slope
from descentlab.studies.quantities.lr_sensitivity import lr_sensitivity
from descentlab.studies.quantities.parabola_minimum import parabola_minimum
from descentlab.studies.quantities.spearman import spearman

Values = Sequence[float]  # infinite where a run diverged
Reducer = Callable[..., float | None]


def best(x: Values, values: Values) -> float | None:
    """Return the x with the lowest value."""
    return min(zip(values, x, strict=True))[1] if values else None


def _largest_passing(x: Values, values: Values, below: float) -> float | None:
    found = largest_passing(x, values, below)
    return None if found is None else found.rate


def _parabola_minimum(x: Values, values: Values, worst: float | None = None) -> float | None:
    found = parabola_minimum(x, values, worst)
    return None if found is None else found.log2


def lowest(x: Values, values: Values) -> float | None:
    """Return the lowest value."""
    return min(values) if len(x) else None


def geometric_mean(x: Values, values: Values) -> float | None:
    """Return the geometric mean of the values, whose ratio of two arms is the mean ratio over x; infinite if a run diverged.

    Raises:
        ValueError: a value is not positive.
    """
    if not all(value > 0 for value in values):
        raise ValueError("the geometric mean needs positive values")
    return math.exp(math.fsum(map(math.log, values)) / len(x)) if len(x) else None


def _expected_best_of(x: Values, values: Values, k: int) -> float | None:
    return expected_best_of(values, k) if len(x) else None


REDUCERS: Mapping[str, Reducer] = {
    "best": best,
    "expected_best_of": _expected_best_of,
    "geometric_mean": geometric_mean,
    "largest_passing": _largest_passing,
    "log2_of_best": _parabola_minimum,
    "log_slope": log_slope,
    "lowest": lowest,
    "lr_sensitivity": lr_sensitivity,
    "spearman": spearman,
}
