"""Measure quantities: the numbers that checks compare, from the records of runs.

A quantity is written as text or as a mapping:

    train/loss@end              the last value of a column of the curves; start, min, max, mean, median, std, sum, rise
    train/loss@max[0:10]        of the steps from 0 to below 10; with a decimal point, [0.67:1], of the last third of the run
    layers/output/grad_norm@max    of a layer, by its name in layers.parquet
    steps_to_target             a number of the summary; test/accuracy: a metric of the trained model
    {of: train/loss@end, reduce: largest_passing, below: 0.05}     one number from those of all `x` of an arm and seed
    {of: hessian/max@median, times: optimizer.lr / 2}              a number times a formula of keys of the run's config
    {of: train/loss@end, relative_to: train/loss@start}            a number divided by another one of the run
    {of: train/loss, falls_to: 0.01}                               the first step at which a column is at most a number
    {of: train/sharpness, when: train/loss, falls_to: 0.01}        a value when another column is first at most a number
    {of: test/auroc, minus: baseline/test/auroc}                   the difference of two numbers of a run

    {kind: selected, key: optimizer.lr}     a number of several runs together, or of layers

`over.REDUCERS` has the reducers, `several.KINDS` the kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from descentlab.errors import UsageError, nearest
from descentlab.studies.measuring.number import OF_A_RUN, number_of
from descentlab.studies.measuring.over import REDUCERS
from descentlab.studies.measuring.several import KINDS
from descentlab.studies.runs import Ended, positions

SCHEMA = {"arm": pl.String, "x": pl.Float64, "seed": pl.Int64, "value": pl.Float64}


def measure(quantity: Any, ended: Sequence[Ended], arms: Sequence[str] | None = None) -> pl.DataFrame:
    """Return a quantity of the runs that report.

    Args:
        quantity: text or a mapping, as the module describes.
        ended: the runs of the study.
        arms: the arms whose values are reduced over x; None: all. An arm without x has nothing to reduce.

    Returns:
        a frame with the columns arm, x (of the first key of `over`, or null; the position of a value that is no number), seed
        and value (null: not measured, or the run diverged).

    Raises:
        UsageError: the quantity is not known.
    """
    reporting = [each for each in ended if each.run.role == "report"]
    if isinstance(quantity, Mapping) and "kind" in quantity:
        return _of_kind(quantity, reporting)
    if isinstance(quantity, Mapping) and "reduce" in quantity:
        return _reduced(quantity, [each for each in reporting if arms is None or each.run.arm in arms])
    places = positions(reporting)
    rows = [(each.run.arm, places[each.run.x], each.run.seed, number_of(quantity, each.record)) for each in reporting]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _reduced(quantity: Mapping[str, Any], ended: Sequence[Ended]) -> pl.DataFrame:
    """Return one value for each arm and seed, from the values over x."""
    reduce = _known(REDUCERS, "reduce", quantity)
    settings = {key: value for key, value in quantity.items() if key not in ("reduce", *OF_A_RUN)}
    inner = reduced_quantity(quantity)
    rows: list[tuple[str, None, int, float | None]] = []
    for (arm, seed), own in measure(inner, ended).group_by("arm", "seed", maintain_order=True):
        ordered = own.sort("x")
        values = [math.inf if value is None else value for value in ordered["value"]]
        rows.append((str(arm), None, int(str(seed)), _called(reduce, quantity, ordered["x"].to_list(), values, **settings)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def reduced_quantity(quantity: Any) -> Any | None:
    """Return the quantity of each run whose values over x a quantity reduces; None if it reduces nothing."""
    if not isinstance(quantity, Mapping) or "reduce" not in quantity:
        return None
    inner = {key: quantity[key] for key in OF_A_RUN if key in quantity}
    return inner["of"] if list(inner) == ["of"] else inner


def _of_kind(quantity: Mapping[str, Any], ended: Sequence[Ended]) -> pl.DataFrame:
    """Return a quantity that is computed from several runs together."""
    settings = {key: value for key, value in quantity.items() if key != "kind"}
    rows = _called(_known(KINDS, "kind", quantity), quantity, ended, **settings)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _known(options: Mapping[str, Callable[..., Any]], key: str, quantity: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function that the quantity names."""
    name = str(quantity[key])
    if name not in options:
        raise UsageError(f"quantity {dict(quantity)}: no {key} {name}; there are {', '.join(options)}{nearest(name, options)}")
    return options[name]


def _called(function: Callable[..., Any], quantity: Mapping[str, Any], *arguments: Any, **settings: Any) -> Any:
    """Call the function of a quantity; settings that it does not take are a mistake in the study's file."""
    try:
        return function(*arguments, **settings)
    except (TypeError, ValueError) as error:
        raise UsageError(f"quantity {dict(quantity)}: {error}") from error
