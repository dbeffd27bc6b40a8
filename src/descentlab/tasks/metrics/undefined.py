"""Metrics that are undefined on a split: the reason that a metric reports, and processes without examples.

A metric that is undefined computes NaN and gives the reason as its attribute `undefined`: a sentence in which ``{split}``
is replaced by the name of the split. `compute` may set it, since torchmetrics has then gathered the states of all processes; a
metric with a single possible reason may declare it as a class attribute, which is read only if the value is not finite.

An infinite value (the perplexity of a huge loss, the signal-to-noise ratio of no error) is recorded as null with its reason
as well: JSON has no infinity, and means over seeds would be infinite. An infinite best value still selects the best step.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric

UNKNOWN = "the value on the {split} split is not a finite number"
NO_EXAMPLE = "the {split} split has no example"
FAULTS = (ValueError, IndexError, ArithmeticError)  # raised by metrics that have too few examples to compute a value


def computed(name: str, metric: Metric) -> tuple[dict[str, Tensor], str]:
    """Return the values of `metric` by name, over all processes, and the reason of those that are not finite."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The ``compute`` method of metric")  # called without an update
            found = metric.compute()
    except FAULTS as error:
        return {name: torch.tensor(torch.nan, device=metric.device)}, f"{type(error).__name__}: {error}"
    values = dict(found) if isinstance(found, Mapping) else {name: found}
    return values, str(getattr(metric, "undefined", "")) or UNKNOWN


def no_value(metric: Metric) -> Tensor:
    """Return the value of an undefined metric: NaN, a scalar on the device of `metric`."""
    return torch.tensor(torch.nan, device=metric.device)


def agree_on_states(metrics: Iterable[Metric]) -> None:
    """Give the states of `metrics` the same types and shapes in all processes. Collective: every process must call it.

    torchmetrics gathers states of one type and one number of dimensions only. A process that has no example of a split
    holds initial states, which differ from the others': empty lists, or numbers in their initial precision.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    metrics = list(metrics)
    mine = [{name: _kind(state) for name, state in metric.metric_state.items()} for metric in metrics]
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, mine)
    for index, metric in enumerate(metrics):
        for name, state in metric.metric_state.items():
            kinds = [kind for process in every if (kind := process[index][name]) is not None]
            setattr(metric, name, _conformed(state, kinds, metric.device))


Kind = tuple[torch.dtype, tuple[int, ...]]


def _kind(state: Any) -> Kind | None:
    """Return the type and shape of a state, or of the rows of a list; None for an empty list."""
    if isinstance(state, Tensor):
        return state.dtype, tuple(state.shape)
    return (state[0].dtype, tuple(state[0].shape[1:])) if state else None


def _conformed(state: Any, kinds: list[Kind], device: torch.device) -> Any:
    """Return `state` with the widest type and the largest shape among `kinds`; for an empty list, a tensor without rows."""
    if isinstance(state, Tensor):
        for dtype, _ in kinds:
            state = state.to(torch.promote_types(state.dtype, dtype))
        largest = max((shape for _, shape in kinds), key=math.prod)
        return state.expand(largest).clone() if state.numel() == 1 else state
    if state or not kinds:
        return state
    dtype, shape = kinds[0]
    return [torch.empty((0, *shape), dtype=dtype, device=device)]
