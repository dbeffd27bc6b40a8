"""What a recommender has to beat: the most popular items for everybody, and ratings without any taste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from descentlab.config.types import Positive
from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Predict, Task
from descentlab.tasks.recommendation import Recommendation
from descentlab.tasks.regression import Regression


@dataclass(frozen=True, kw_only=True)
class Popularity:
    """Items score log(1 + the number of people in the training split who chose them)."""

    suits: ClassVar[Sequence[type[Task]]] = (Recommendation,)
    exact: ClassVar[bool] = False
    num_items: int

    def fit(self, train: Batch) -> Predict:
        counts = torch.bincount(train[0][:, 1].cpu(), minlength=self.num_items)
        scores = counts.float().log1p()
        return lambda x: scores.to(x.device)[x[:, 1:]]


@dataclass(frozen=True, kw_only=True)
class Biases:
    """mu + b_i + b_u, each a mean of what is left, shrunk to 0 where there are few ratings.

    b_i = sum(r - mu) / (item_shrinkage + n_i), then b_u = sum(r - mu - b_i) / (user_shrinkage + n_u): Koren, Factor in the
    neighbors, ACM TKDD 4(1), 2010, section 2.1.
    """

    suits: ClassVar[Sequence[type[Task]]] = (Regression,)
    exact: ClassVar[bool] = False
    num_users: int
    num_items: int
    item_shrinkage: Positive = 25.0
    user_shrinkage: Positive = 10.0

    def fit(self, train: Batch) -> Predict:
        (users, items), ratings = train[0].cpu().unbind(1), train[1].cpu().squeeze(1)
        mean = ratings.mean()
        by_item = _shrunk(ratings - mean, items, self.num_items, self.item_shrinkage)
        by_user = _shrunk(ratings - mean - by_item[items], users, self.num_users, self.user_shrinkage)

        def predict(x: Tensor) -> Tensor:
            found = mean + by_user[x[:, :1].cpu()] + by_item[x[:, 1:].cpu()]
            return found.to(train[1])

        return predict


def _shrunk(values: Tensor, of: Tensor, size: int, shrinkage: float) -> Tensor:
    """The sum of `values` of each of `size` over `shrinkage` and their number."""
    total = torch.zeros(size, dtype=values.dtype).index_add(0, of, values)
    return total / (shrinkage + torch.bincount(of, minlength=size))
