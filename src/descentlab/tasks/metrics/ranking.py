"""Measures of ranking: each returns a value for each row, to be averaged over rows.

A row has labels >= 0, higher for more relevant documents; -1 marks documents that are not ranked. Documents with equal scores
share their ranks: NDCG and recall are means over all their orders (McSherry and Najork, ECIR 2008), average precision counts
them as retrieved together, as scikit-learn does for all three. A row without a relevant document counts as 0, as in the
evaluation tool of LETOR and in scikit-learn; if no row has a relevant document, the measures are undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torchmetrics import Metric

from descentlab.tasks.metrics.undefined import no_value


@dataclass(frozen=True)
class Ordered:
    """Rows in the order of their scores, best first.

    Args:
        labels: (rows, n), 0 instead of -1.
        tied: (rows, n), the number of distinct higher scores, which is equal for tied documents.
    """

    labels: Tensor
    tied: Tensor

    @classmethod
    def by(cls, scores: Tensor, labels: Tensor) -> Self:
        """Return `labels` (rows, n) in the order of `scores` (rows, n)."""
        best = scores.detach().masked_fill(labels < 0, -torch.inf).sort(dim=1, descending=True, stable=True)
        new = torch.zeros_like(labels, dtype=torch.int64)
        new[:, 1:] = best.values[:, 1:] != best.values[:, :-1]
        return cls(labels.clamp(min=0).gather(1, best.indices), new.cumsum(1))

    def expected(self, values: Tensor) -> Tensor:
        """Return `values` (rows, n), averaged over tied documents."""
        zeros, ones = torch.zeros_like(values), torch.ones_like(values)
        total, count = zeros.scatter_add(1, self.tied, values), zeros.scatter_add(1, self.tied, ones)
        return (total / count.clamp(min=1)).gather(1, self.tied)


Measure = Callable[[Ordered], Tensor]


def ndcg(ordered: Ordered, k: int) -> Tensor:
    """Return DCG / ideal DCG, (rows,), with gains 2^label - 1 and discounts 1 / log2(1 + rank) of the first k ranks."""
    gains = torch.exp2(ordered.labels.float()) - 1
    k = min(k, gains.shape[1])
    discounts = 1 / torch.log2(torch.arange(2, k + 2, device=gains.device))
    found = (ordered.expected(gains)[:, :k] * discounts).sum(1)
    ideal = (gains.topk(k, 1).values * discounts).sum(1)
    return found / torch.where(ideal > 0, ideal, 1.0)


def recall(ordered: Ordered, k: int) -> Tensor:
    """Return the fraction of the relevant documents (label >= 1) that is among the first k, (rows,)."""
    relevant = (ordered.labels >= 1).float()
    return ordered.expected(relevant)[:, :k].sum(1) / relevant.sum(1).clamp(min=1)


def average_precision(ordered: Ordered) -> Tensor:
    """Return the mean over relevant documents (label >= 1) of the precision at their ranks, (rows,); ties count together."""
    relevant = (ordered.labels >= 1).float()
    ranks = torch.arange(1, relevant.shape[1] + 1, device=relevant.device).expand_as(relevant).float()
    last = torch.zeros_like(relevant).scatter_reduce(1, ordered.tied, ranks, "amax").gather(1, ordered.tied)
    precision = relevant.cumsum(1).gather(1, last.long() - 1) / last
    return (relevant * precision).sum(1) / relevant.sum(1).clamp(min=1)


class OverRows(Metric):
    """The means of several measures over rows, by name, computed from a single sort.

    Args:
        measures: by name.
        lacking: the end of the reason "the split has no ..." for the case that no row has a relevant document.
    """

    full_state_update = False
    totals: Tensor
    rows: Tensor
    relevant: Tensor

    def __init__(self, measures: Mapping[str, Measure], lacking: str = "row with anything relevant") -> None:
        super().__init__()
        self.measures, self.undefined = measures, f"the {{split}} split has no {lacking}"
        self.add_state("totals", torch.zeros(len(measures)), dist_reduce_fx="sum")
        self.add_state("rows", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("relevant", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, scores: Tensor, labels: Tensor) -> None:
        """Add rows of scores and labels, (rows, n) each."""
        ordered = Ordered.by(scores, labels)
        self.totals += torch.stack([measure(ordered).sum() for measure in self.measures.values()])
        self.rows += len(labels)
        self.relevant += (labels >= 1).sum()

    def compute(self) -> dict[str, Tensor]:
        if not self.relevant:
            return dict.fromkeys(self.measures, no_value(self))
        return dict(zip(self.measures, self.totals / self.rows, strict=True))
