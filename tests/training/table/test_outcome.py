"""Results of stacked runs that single runs do not have."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.training.table.outcome import StackedOutcome


def columns(losses, chunk, divergence=None):
    """Return the columns of two runs with the given losses, (steps, 2), noted in chunks."""
    outcome = StackedOutcome(2, divergence, "loss", "min")
    outcome.validated(0, {"loss": np.ones(2)}, {})
    for first in range(0, len(losses), chunk):
        outcome.steps_done(first, losses[first : first + chunk])
    return outcome.columns(len(losses))


@pytest.mark.parametrize("chunk", [1, 7, 64])
@pytest.mark.parametrize("steps", [5, 20, 50])
def test_the_mean_of_the_last_20_losses(chunk, steps):
    losses = np.random.default_rng(0).random((steps, 2))
    assert columns(losses, chunk)["last_20_train_loss"] == pytest.approx(losses[-20:].mean(axis=0).tolist())


def test_a_diverged_run_has_no_mean_of_the_last_losses():
    losses = np.array([[1.0, 1.0], [1e9, 0.5], [0.1, 0.3]])
    found = columns(losses, 1, divergence=100.0)
    assert found["status"] == ["diverged", "completed"]
    assert found["last_20_train_loss"] == [None, pytest.approx(0.6)]
