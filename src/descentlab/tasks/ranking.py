"""Learning to rank: an order of each query's documents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor
from torchmetrics import Metric

from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.ranking import OverRows, average_precision, ndcg

SHOWN = (10, 20)  # queries, documents


def unwrapped(made: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`made`, without what Hydra asks at every call of a partial it has made: 0.1 ms, as much as a small loss takes."""
    return partial(made.func, **made.keywords) if isinstance(made, partial) else made


class Ranking(Task):
    """Scores (queries, documents) against labels of the same shape: 0 or more, the higher the more relevant; -1 is padding.

    Args:
        surrogate: (scores, labels) -> (queries,), as in descentlab.tasks.losses.ranking.
        task: see Task.
    """

    def __init__(self, surrogate: Callable[[Tensor, Tensor], Tensor], **task: Any) -> None:
        self.surrogate = unwrapped(surrogate)
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """The surrogate, averaged over queries.

        Raises:
            ValueError: the shapes of scores and labels differ.
        """
        inputs, labels = batch
        scores = predict(inputs)
        if scores.shape != labels.shape:
            raise ValueError(f"scores have shape {tuple(scores.shape)}, labels {tuple(labels.shape)}")
        return self.surrogate(scores, labels).mean()

    def make_metrics(self) -> dict[str, Metric]:
        measures = {f"ndcg_at_{k}": partial(ndcg, k=k) for k in (1, 5, 10)}
        return {"ordering": OverRows({**measures, "map": average_precision}, "query with a relevant document")}

    def exhibits(self, batch: Batch) -> dict[str, bytes | str]:
        """The labels of some queries' documents in the order that the model gives them."""
        inputs, labels = (part[: SHOWN[0]] for part in batch)
        order = self.model(inputs).masked_fill(labels < 0, float("-inf")).argsort(1, descending=True)
        lists = [[label for label in row if label >= 0] for row in labels.gather(1, order).tolist()]
        lines = [f"{' '.join(map(str, row[: SHOWN[1]]))}  ({len(row)} documents)" for row in lists]
        head = f"Labels of the first {SHOWN[1]} documents, best score first; a line is a query of the test split."
        return {"rankings.txt": "\n".join([head, *lines]) + "\n"}
