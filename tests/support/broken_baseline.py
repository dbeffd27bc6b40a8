"""A baseline that raises an exception: `baseline._target_=support.broken_baseline.Broken`."""

from __future__ import annotations

import os

import torch


class Broken:
    """A baseline that raises in `fit` or in its predictor; only in process `rank`, if given."""

    supported_tasks, exact = (), False

    def __init__(self, error="ValueError", late=False, rank=None):
        self.error, self.late = {"ValueError": ValueError, "MemoryError": MemoryError}[error], late
        self.rank = rank

    def fit(self, train):
        if self.rank is not None and int(os.environ["RANK"]) != self.rank:
            return lambda inputs: torch.zeros(len(inputs), 1)
        if not self.late:
            raise self.error("it does not fit")
        return self.predict

    def predict(self, inputs):
        raise self.error("it does not predict")
