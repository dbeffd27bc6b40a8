"""Recommendation from implicit feedback: items that a user chose should have higher scores than others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus
from torchmetrics import Metric

from descentlab.tasks.base import Batch, Predict, Scores, Task
from descentlab.tasks.metrics.ranking import OverRows, ndcg, recall
from descentlab.tasks.ranking import unwrapped

USERS = 64  # number of users that are ranked at once
SHOWN = 10


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Return log(1 + exp(-(s_i - s_j))), Bayesian personalized ranking (Rendle et al., arXiv:1205.2618, section 4.1)."""
    return softplus(negative - positive)


def log_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """Return -log sigmoid(s_i) - log(1 - sigmoid(s_j)), binary cross-entropy (He et al., arXiv:1708.05031, eq. 7).

    In the paper a positive item has the weight of one of its negatives, here that of all of them together.
    """
    return softplus(-positive) + softplus(negative)


class Recommendation(Task):
    """Scores (rows, items) of items for users.

    A training batch is one tensor (rows, 2 + negatives): a user, an item chosen by the user, and items that were not. An
    evaluation batch is users (rows, 1) and the kind of every item (rows, num_items): 1 held out, -1 not to be ranked, 0 other.

    Args:
        surrogate: (scores of chosen items, scores of others) -> the loss of each pair; the shapes are broadcast.
        task: arguments of Task.
    """

    one_pass = False

    def __init__(self, surrogate: Callable[[Tensor, Tensor], Tensor], **task: Any) -> None:
        self.surrogate = unwrapped(surrogate)
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the surrogate, averaged over rows and their negatives."""
        scores = predict(batch[0])
        return self.surrogate(scores[:, :1], scores[:, 1:]).mean()

    def make_metrics(self) -> dict[str, Metric]:
        measures = {"recall_at_10": partial(recall, k=10), "ndcg_at_10": partial(ndcg, k=10)}
        return {"ordering": OverRows(measures, "user with an item held out")}

    def evaluate(self, scores: Scores, batch: Batch, predict: Predict) -> None:
        """Rank all items. The loss is the mean over held-out items of their mean loss against the items the user has not."""
        if len(batch) == 1:
            outputs = predict(batch[0])
            scores.loss.update(self.loss(lambda _: outputs, batch), len(outputs))
            scores.metrics.update(outputs[:0], batch[0][:0, 1:])  # a training batch has no ranking to evaluate
            return
        for ranked, kinds in self._ranked(batch, predict):
            user, item = (kinds == 1).nonzero(as_tuple=True)
            others = (kinds == 0)[user].to(ranked)
            losses = (self.surrogate(ranked[user, item][:, None], ranked[user]) * others).sum(1) / others.sum(1)
            comparable = others.any(1)  # False for users without an item of kind 0, who have chosen all items
            scores.loss.update(losses[comparable].mean(), int(comparable.sum()))
            scores.metrics.update(ranked, kinds)

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return the best items for some users, with the held-out ones marked."""
        users, kinds = (part[:SHOWN] for part in batch)
        lines = [f"The first {SHOWN} items for some users of the test split; * marks one that was held out."]
        for scores, kind in self._ranked((users, kinds), self.model):
            best = scores.masked_fill(kind < 0, -torch.inf).topk(SHOWN, 1).indices
            for user, row, marks in zip(users[:, 0].tolist(), best.tolist(), kind.gather(1, best).tolist(), strict=True):
                shown = (f"{item + 1}{'*' * mark}" for item, mark in zip(row, marks, strict=True))
                lines.append(f"user {user + 1}: {' '.join(shown)}")
        return {"recommendations.txt": "\n".join(lines) + "\n"}

    def _ranked(self, batch: Batch, predict: Predict) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the scores and the kinds of all items, (users, num_items) each, for groups of up to USERS users."""
        for users, kinds in zip(*(part.split(USERS) for part in batch), strict=True):
            items = torch.arange(kinds.shape[1], device=users.device).expand(len(users), -1)
            yield predict(torch.cat([users, items], 1)), kinds
