"""Learning to rank the documents of each query."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor
from torchmetrics import Metric

from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.ranking import OverRows, average_precision, ndcg

SHOWN = (10, 20)  # queries, documents


def unwrapped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a plain partial in place of one built by Hydra, whose calls take 0.1 ms longer, as long as a small loss."""
    return partial(function.func, **function.keywords) if isinstance(function, partial) else function


class Ranking(Task):
    """Task that compares scores (queries, documents) with labels of that shape: >= 0, higher if more relevant; -1: padding.

    Args:
        surrogate: (scores, labels) -> losses (queries,), see descentlab.tasks.losses.ranking.
        task: arguments of Task.
    """

    def __init__(self, surrogate: Callable[[Tensor, Tensor], Tensor], **task: Any) -> None:
        self.surrogate = unwrapped(surrogate)
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the surrogate, averaged over queries.

        Raises:
            ValueError: if the shapes of scores and labels differ.
        """
        inputs, labels = batch
        scores = predict(inputs)
        if scores.shape != labels.shape:
            raise ValueError(f"scores have shape {tuple(scores.shape)}, labels {tuple(labels.shape)}")
        return self.surrogate(scores, labels).mean()

    def make_metrics(self) -> dict[str, Metric]:
        measures = {f"ndcg_at_{k}": partial(ndcg, k=k) for k in (1, 5, 10)}
        return {"ordering": OverRows({**measures, "map": average_precision}, "query with a relevant document")}

    def artifacts(self, batch: Batch) -> dict[str, bytes | str]:
        """Return the labels of the documents of some queries in the order of the model's scores."""
        inputs, labels = (part[: SHOWN[0]] for part in batch)
        order = self.model(inputs).masked_fill(labels < 0, float("-inf")).argsort(1, descending=True)
        lists = [[label for label in row if label >= 0] for row in labels.gather(1, order).tolist()]
        lines = [f"{' '.join(map(str, row[: SHOWN[1]]))}  ({len(row)} documents)" for row in lists]
        head = f"Labels of the first {SHOWN[1]} documents, best score first; one line per query of the test split."
        return {"rankings.txt": "\n".join([head, *lines]) + "\n"}
