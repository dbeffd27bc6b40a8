"""Values of claims in the form that checks take, and the verdicts over many simulated data sets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from descentlab.studies.checks import Finding, Verdict, evaluate

SCHEMA = {"arm": pl.String, "x": pl.Float64, "seed": pl.Int64, "value": pl.Float64}
Arms = Mapping[str, Any]


def frame(rows: Sequence[tuple[str, float | None, int, float | None]]) -> pl.DataFrame:
    """Return rows (arm, x, seed, value) as the frame that `evaluate` takes."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def by_seed(**arms: Sequence[float | None]) -> pl.DataFrame:
    """Return arms with one value per seed 2000, 2001, ..., without x."""
    return frame([(arm, None, 2000 + k, value) for arm, values in arms.items() for k, value in enumerate(values)])


def by_x(**arms: Mapping[float, Sequence[float | None]]) -> pl.DataFrame:
    """Return arms with one value per seed at each x."""
    return frame(
        [(arm, x, 2000 + k, value) for arm, xs in arms.items() for x, values in xs.items() for k, value in enumerate(values)]
    )


def check(name: str, values: pl.DataFrame, **settings: Any) -> Finding:
    """Return the finding of a check."""
    return evaluate({"check": name, **settings}, values)


def verdicts(
    settings: Mapping[str, Any], simulate: Callable[[np.random.Generator], pl.DataFrame], sets: int = 200, seed: int = 0
) -> Counter[Verdict]:
    """Return how often each verdict occurs over simulated data sets."""
    generator = np.random.default_rng(seed)
    return Counter(evaluate(settings, simulate(generator)).verdict for _ in range(sets))


def fewest(rate: float, sets: int = 200) -> int:
    """Return the least count that is not surprisingly low: three standard deviations of a binomial count below its mean."""
    return math.floor(sets * rate - 3 * math.sqrt(sets * rate * (1 - rate)))
