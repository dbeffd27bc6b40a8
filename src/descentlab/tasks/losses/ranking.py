"""Differentiable surrogates of ranking quality: a loss for each query, to be averaged over queries.

Each function takes scores (queries, documents) and labels of the same shape, >= 0 and higher for more relevant documents; -1
marks padding, which is ignored. s, y and r are the score, the label and the rank by score of a document.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from descentlab.config.types import Positive


def ranknet(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of log(1 + exp(-(s_i - s_j))) over the pairs with y_i > y_j; 0 if there are none.

    Burges et al., Learning to rank using gradient descent, ICML 2005, who take the sum, which gives long lists more weight.
    """
    better = preferred(labels)
    return (better * _logistic(scores, labels)).sum((1, 2)) / better.sum((1, 2)).clamp(min=1)


def lambdarank(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the sum of log(1 + exp(-(s_i - s_j))) over pairs with y_i > y_j, times the change of NDCG if i and j swap ranks.

    The weights are treated as constants, so that the gradient is the sum of the lambdas of Burges, From RankNet to LambdaRank
    to LambdaMART, MSR-TR-2010-82, section 4, with sigma = 1.
    """
    gains, present = normalised_gains(labels), labels >= 0
    ranks = scores.detach().masked_fill(~present, -torch.inf).argsort(dim=1, descending=True, stable=True).argsort(1) + 1
    discounts = 1 / torch.log2(1 + ranks)
    change = ((gains[:, :, None] - gains[:, None]) * (discounts[:, :, None] - discounts[:, None])).abs()
    return (preferred(labels) * change * _logistic(scores, labels)).sum((1, 2))


def listnet(scores: Tensor, labels: Tensor) -> Tensor:
    """Return -sum_i p_i log q_i, with p the softmax of a query's labels and q that of its scores.

    Cao et al., Learning to rank: from pairwise approach to listwise approach, ICML 2007, with top-one probabilities.
    """
    absent = labels < 0
    wanted = labels.to(scores).masked_fill(absent, -torch.inf).softmax(1)
    found = scores.masked_fill(absent, -torch.inf).log_softmax(1)
    return -(wanted * found.masked_fill(absent, 0.0)).sum(1)


def approx_ndcg(scores: Tensor, labels: Tensor, alpha: Positive = 10.0) -> Tensor:
    """Return 1 - NDCG with ranks r_i = 1 + sum over j != i of 1 / (1 + exp(alpha (s_i - s_j))); 1 if nothing is relevant.

    Qin, Liu and Li, A general approximation framework for direct optimization of information retrieval measures, Information
    Retrieval 13, 2010.

    Args:
        alpha: > 0; for larger values, ranks are closer to the true ones, and fewer pairs have a gradient.
    """
    known, present = _without_padding(scores, labels), (labels >= 0).to(scores)
    above = torch.sigmoid(alpha * (known[:, None] - known[:, :, None])) * present[:, None]  # (queries, i, j)
    ranks = 0.5 + above.sum(2)  # j = i contributes a half
    return 1 - (normalised_gains(labels) / torch.log2(1 + ranks)).sum(1)


def preferred(labels: Tensor) -> Tensor:
    """Return True where i is more relevant than j, (queries, i, j)."""
    return (labels[:, :, None] > labels[:, None]) & (labels >= 0)[:, None]


def normalised_gains(labels: Tensor) -> Tensor:
    """Return (2^y - 1) / ideal DCG, the largest sum of (2^y - 1) / log2(1 + r) of the query; 0 for padding."""
    gains = torch.exp2(labels.clamp(min=0).float()) - 1
    best = gains.sort(1, descending=True).values
    ideal = (best / torch.log2(torch.arange(2, best.shape[1] + 2, device=best.device))).sum(1, keepdim=True)
    return gains / torch.where(ideal > 0, ideal, 1.0)


def _logistic(scores: Tensor, labels: Tensor) -> Tensor:
    """Return log(1 + exp(-(s_i - s_j))), (queries, i, j)."""
    known = _without_padding(scores, labels)
    return softplus(known[:, None] - known[:, :, None])


def _without_padding(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the scores, with those of padding set to 0."""
    return scores.masked_fill(labels < 0, 0.0)
