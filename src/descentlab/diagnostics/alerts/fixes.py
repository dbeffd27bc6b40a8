"""Overrides that fix a problem and depend on the values of the run's config."""

from __future__ import annotations

from descentlab.diagnostics.alerts.alert import History
from descentlab.diagnostics.alerts.rows import large_update


def with_lr(history: History, factor: float) -> list[str]:
    """Return the override that multiplies the learning rate by `factor`; none if the optimizer has no such key."""
    lr = history.setting("optimizer.lr")
    return [f"optimizer.lr={lr * factor:.3g}"] if isinstance(lr, int | float) else []


def with_smaller_steps(history: History, step: int) -> tuple[str, list[str]]:
    """Return what large updates before `step` add to a message, and the overrides of the learning rate that caused them.

    Without such an update, the message and the list are empty: the initial weights or the model are the cause.
    """
    ratio = large_update(history, step)
    if ratio is None:
        return "", []
    return f"; before, an update was {ratio:.2g} times the weights", [*with_lr(history, 0.1), *with_lr(history, 0.01)]


def with_gates(history: History) -> list[str]:
    """Return the overrides that replace a plain recurrent network by one with gates."""
    return ["model=gru", "model=lstm"] if history.setting("model.cell") == "rnn" else []


def with_radius(history: History, radius: float) -> list[str]:
    """Return the override of the initial spectral radius of a recurrent matrix; none if the config does not set it."""
    return [f"model.init_radius={radius:g}"] if history.setting("model.init_radius") is not None else []


def with_momentum(history: History, least: float) -> list[str]:
    """Return the override to the usual momentum of 0.9, if the run's momentum is above `least`."""
    momentum = history.setting("optimizer.momentum")
    return ["optimizer.momentum=0.9"] if isinstance(momentum, int | float) and momentum > least else []


def with_norm(history: History) -> list[str]:
    """Return the overrides that normalize the inputs of activations; none if the model has such layers already."""
    return ["model.norm=batch", "model.norm=layer"] if history.setting("model.norm") == "none" else []
