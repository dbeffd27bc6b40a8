"""The user's Lightning callbacks, from the config group `callbacks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning as L

from descentlab.config.build import build_a
from descentlab.errors import UsageError

# Classes that would interfere with functions of descentlab, and the key that has their effect here.
REFUSED = {
    "Checkpoint": "checkpoints are written by descentlab: checkpoint.every=60 checkpoint.keep=true",
    "EarlyStopping": "stop.patience=5 stops a run without improvement",
    "StochasticWeightAveraging": "average.kind=swa averages the weights",
    "EMAWeightAveraging": "average.kind=ema averages the weights",
    "WeightAveraging": "average.kind=ema or average.kind=swa averages the weights",
    "GradientAccumulationScheduler": "microbatch=... splits a batch whose gradients are accumulated",
    "Timer": "budget.seconds=... bounds the time of training",
    "LearningRateFinder": "a sweep compares learning rates: -m optimizer.lr=0.1,0.01",
    "BatchSizeFinder": "batch_size=... is part of the problem, and microbatch=... bounds the memory",
    "ProgressBar": "the command shows the progress of all runs",
}


def make_callbacks(config: Mapping[str, Any]) -> list[L.Callback]:
    """Return the callbacks that the config's node `callbacks` describes, one for each of its keys.

    Raises:
        UsageError: one is not a Lightning callback, or would interfere with descentlab; the message names the key to use.
    """
    nodes: Mapping[str, Any] = config.get("callbacks") or {}
    callbacks: list[L.Callback] = []
    for name, node in nodes.items():
        callback = build_a(L.Callback, f"callbacks.{name}", node)
        for kind in type(callback).__mro__:
            if kind.__name__ in REFUSED and kind.__module__.startswith("lightning."):
                raise UsageError(f"callbacks.{name}: {type(callback).__name__} is not used here: {REFUSED[kind.__name__]}")
        callbacks.append(callback)
    return callbacks
