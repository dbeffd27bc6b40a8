"""The rotation of neurons, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from descentlab.studies.quantities.neuron_rotation import neuron_rotation

# Root-mean-square angles after step 20: a/0 5 / sqrt(2), a/1 1, b.c/0 3.
ROWS = [(20, "a/0", 9.0), (30, "a/0", 3.0), (40, "a/0", 4.0), (30, "a/1", 1.0), (40, "a/1", 1.0), (30, "b.c/0", 3.0)]


def frame(rows):
    return pl.DataFrame([*rows, (40, "a", None)], schema=["step", "layer", "neuron_angle"], orient="row")


def test_angles_are_averaged_over_late_steps_then_over_neurons():
    angles = [5 / math.sqrt(2), 1.0, 3.0]
    found = neuron_rotation(frame(ROWS), share=0.5)
    assert found.layers == pytest.approx({"a": (angles[0] + 1) / 2, "b.c": 3.0})
    assert found.mean == pytest.approx(np.mean(angles))
    assert found.ratio == pytest.approx(3 / ((angles[0] + 1) / 2))
    assert found.spread == pytest.approx(np.std(angles, ddof=1) / np.mean(angles))


def test_a_single_neuron_has_no_spread_and_unmeasured_ones_are_named():
    assert neuron_rotation(frame(ROWS[:1])) is None
    with pytest.raises(ValueError, match=r"angular_update\.neurons=true"):
        neuron_rotation(pl.DataFrame({"step": [1], "layer": ["a"]}))
    with pytest.raises(ValueError, match="share 2"):
        neuron_rotation(frame(ROWS), share=2)
