"""The orthogonalized momentum of a run with Muon."""

from __future__ import annotations

import json

import pytest

from descentlab.errors import UsageError
from descentlab.store.record import ANALYSES
from descentlab.training.finished import load_finished
from descentlab.training.orthogonality import orthogonality

KEPT = ("model.hidden=[16]", "budget.epochs=null", "budget.steps=5", "validate_every=5", "checkpoint.keep=true")


def test_the_momentum_of_hidden_matrices_is_nearly_orthogonal(train):
    folder = train("optimizer=muon", *KEPT).folder
    found = orthogonality(load_finished(folder))
    assert list(found) == ["blocks.0.layers.0.weight"]  # AdamW trains the head and the biases
    low, high = found["blocks.0.layers.0.weight"]
    assert 0.6 < low < high < 1.22
    assert json.loads((folder / ANALYSES / "orthogonality.json").read_text())["blocks.0.layers.0.weight"] == [low, high]


@pytest.mark.slow
def test_a_run_without_muon_is_refused(train):
    with pytest.raises(UsageError, match="Muon trains no weights"):
        orthogonality(load_finished(train("optimizer=sgd", *KEPT).folder))
