"""Baselines of ranking: a single feature, and a regressor of each document's label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from descentlab.config.types import Count
from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Predict, Task
from descentlab.tasks.metrics.ranking import Ordered, ndcg
from descentlab.tasks.ranking import Ranking


@dataclass(frozen=True, kw_only=True)
class BestFeature:
    """Ranking by a single feature, ascending or descending: the one with the highest NDCG@k on the training split.

    Args:
        k: ranks considered, >= 1.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Ranking,)
    exact: ClassVar[bool] = False
    k: Count = 10

    def fit(self, train: Batch) -> Predict:
        inputs, labels = train
        signs = torch.tensor([1.0, -1.0]).to(inputs)
        columns = [(feature, sign) for feature in range(inputs.shape[2]) for sign in signs]
        quality = [float(ndcg(Ordered.by(inputs[..., f] * sign, labels), self.k).mean()) for f, sign in columns]
        feature, sign = columns[max(range(len(columns)), key=quality.__getitem__)]
        return lambda x: x[..., feature] * sign.to(x)


@dataclass(frozen=True, kw_only=True)
class Pointwise:
    """Ranking by a regressor of scikit-learn, fitted to the labels of documents.

    Args:
        regressor: a scikit-learn estimator.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Ranking,)
    exact: ClassVar[bool] = False
    regressor: Any

    def fit(self, train: Batch) -> Predict:
        inputs, labels = (part.cpu() for part in train)
        present = labels >= 0
        self.regressor.fit(inputs[present].numpy(), labels[present].numpy())

        def predict(x: Tensor) -> Tensor:
            found = self.regressor.predict(x.cpu().flatten(0, -2).numpy())
            return torch.as_tensor(found).to(x).view(x.shape[:-1])

        return predict
