"""Histories of runs that a test has written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from descentlab.diagnostics.alerts.alert import History

CONFIG: Mapping[str, Any] = {
    "batch_size": 32,
    "clip": {"norm": None},
    "decay": {"rate": None},
    "stop": {"patience": None},
    "groups": [],
    "model": {"activation": "sigmoid", "norm": "none", "residual": False, "init": "default", "dropout": 0.0},
    "optimizer": {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0},
}


@pytest.fixture
def history() -> Callable[..., History]:
    """Make a history: history(losses=[2.0, 1.0], layers={0: {"grad_norm": {"a": 1.0}}}, config={"batch_size": "full"}).

    `every` is the number of steps between two training rows; `more` has further columns of them, by name.
    """

    def make(
        losses: Sequence[float] = (),
        *,
        valid: Mapping[int, float | None] | None = None,
        layers: Mapping[int, Mapping[str, Mapping[str, float]]] | None = None,
        more: Mapping[str, Sequence[float]] | None = None,
        config: Mapping[str, Any] | None = None,
        total: int | None = 1000,
        every: int = 10,
    ) -> History:
        made = History({**CONFIG, **(config or {})}, {"model": "mlp", "optimizer": "sgd", "schedule": "constant"}, total)
        for index, loss in enumerate(losses):
            values = {f"train/{name}": column[index] for name, column in (more or {}).items()}
            made.train.append({"step": every * index, "train/loss": loss, **values})
        made.add([{"step": step, "valid/loss": loss} for step, loss in (valid or {}).items()])
        for step, quantities in (layers or {}).items():
            names = dict.fromkeys(layer for values in quantities.values() for layer in values)
            found = [{name: values.get(layer) for name, values in quantities.items()} for layer in names]
            made.add_layers([{"step": step, "layer": layer, **each} for layer, each in zip(names, found, strict=True)])
        made.order = list(dict.fromkeys(layer for step in made.layers.values() for each in step.values() for layer in each))
        return made

    return make
