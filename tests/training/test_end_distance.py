"""The distance between the ends of two runs, recomputed from their checkpoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from descentlab.store.record import CHECKPOINT, SNAPSHOTS, Record
from descentlab.studies.quantities.relative_distance import relative_distance
from descentlab.training.end_distance import end_distance
from descentlab.training.finished import load_finished

KEPT = ("budget.epochs=null", "budget.steps=20", "validate_every=20", "checkpoint.keep=true", "checkpoint.snapshots=20")


def flat(weights) -> np.ndarray:
    return torch.cat([value.flatten() for value in weights.values()]).double().numpy()


def test_the_distance_enters_the_record_of_the_first_run(train):
    runs = [
        train(*KEPT, *words) for words in (("optimizer=sgd", "optimizer.lr=0.1"), ("optimizer=momentum", "optimizer.lr=0.01"))
    ]
    for each in runs:
        each.record.write(each.folder)
    a, b = (flat(torch.load(each.folder / CHECKPOINT, weights_only=True)["weights"]) for each in runs)
    start = flat(torch.load(runs[0].folder / SNAPSHOTS / "000000000.pt", weights_only=True))
    first, second = (load_finished(each.folder) for each in runs)
    first.evaluate(first.weights)  # changes the weights of its model, but not the initial ones
    found = end_distance(first, second)
    assert found == pytest.approx(relative_distance(a, b, start), rel=1e-6)
    assert 0 < found < 1
    assert Record.read(runs[0].folder).summary["distances"] == {runs[1].record.id: found}
