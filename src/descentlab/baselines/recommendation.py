"""Baselines of recommendation: popularity, and ratings by biases of users and items."""

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
    """Scores of log(1 + number of users in the training split who chose the item).

    Args:
        num_items: >= 1.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Recommendation,)
    exact: ClassVar[bool] = False
    num_items: int

    def fit(self, train: Batch) -> Predict:
        counts = torch.bincount(train[0][:, 1].cpu(), minlength=self.num_items)
        scores = counts.float().log1p()
        return lambda x: scores.to(x.device)[x[:, 1:]]


@dataclass(frozen=True, kw_only=True)
class Biases:
    """Ratings mu + b_i + b_u, where each bias is a mean of residuals, shrunk towards 0 if there are few ratings.

    b_i = sum(r - mu) / (item_shrinkage + n_i), then b_u = sum(r - mu - b_i) / (user_shrinkage + n_u): Koren, Factor in the
    neighbors, ACM TKDD 4(1), 2010, section 2.1.

    Args:
        num_users, num_items: >= 1.
        item_shrinkage, user_shrinkage: >= 0.
    """

    supported_tasks: ClassVar[Sequence[type[Task]]] = (Regression,)
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
    """Return sum / (shrinkage + number) of the `values` of each of `size` groups, where `of` is the group of each value."""
    total = torch.zeros(size, dtype=values.dtype).index_add(0, of, values)
    return total / (shrinkage + torch.bincount(of, minlength=size))
