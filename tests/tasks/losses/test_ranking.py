"""Ranking losses equal the formulas of their papers; padding and the order of documents have no effect."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from descentlab.models.scorer import Scorer
from descentlab.optim.recipe import Recipe
from descentlab.tasks.losses.ranking import approx_ndcg, lambdarank, listnet, ranknet
from descentlab.tasks.ranking import Ranking

LOSSES = {"ranknet": ranknet, "lambdarank": lambdarank, "listnet": listnet, "approx_ndcg": approx_ndcg}
every_loss = pytest.mark.parametrize("name", LOSSES)
SCORES, LABELS = [0.3, -1.2, 2.0, 0.1, 0.7], [2, 0, 1, 4, 0]


def ranks(scores):
    return [1 + sum(other > score for other in scores) for score in scores]


def ideal_dcg(labels):
    return sum((2**y - 1) / math.log2(1 + r) for r, y in enumerate(sorted(labels, reverse=True), 1))


def pairs(labels):
    return [(i, j) for i, y in enumerate(labels) for j, z in enumerate(labels) if y > z]


def swapped(scores, labels, i, j):
    """Return the change of NDCG if i and j swap ranks."""

    def ndcg(order):
        return sum((2**y - 1) / math.log2(1 + r) for y, r in zip(labels, order, strict=True)) / ideal_dcg(labels)

    before = ranks(scores)
    after = list(before)
    after[i], after[j] = before[j], before[i]
    return abs(ndcg(after) - ndcg(before))


def by_hand(name, scores, labels):
    if name == "ranknet":
        return np.mean([math.log(1 + math.exp(scores[j] - scores[i])) for i, j in pairs(labels)])
    if name == "lambdarank":
        return sum(swapped(scores, labels, i, j) * math.log(1 + math.exp(scores[j] - scores[i])) for i, j in pairs(labels))
    if name == "listnet":
        total, wanted = sum(map(math.exp, scores)), sum(map(math.exp, labels))
        return -sum(math.exp(y) / wanted * math.log(math.exp(s) / total) for s, y in zip(scores, labels, strict=True))
    places = [1 + sum(1 / (1 + math.exp(10 * (s - t))) for j, t in enumerate(scores) if j != i) for i, s in enumerate(scores)]
    return 1 - sum((2**y - 1) / math.log2(1 + r) for y, r in zip(labels, places, strict=True)) / ideal_dcg(labels)


def query(scores=SCORES, labels=LABELS):
    return torch.tensor([scores]), torch.tensor([labels])


@every_loss
def test_losses_equal_the_formulas_of_their_papers(name):
    assert LOSSES[name](*query()).shape == (1,)
    assert float(LOSSES[name](*query())) == pytest.approx(by_hand(name, SCORES, LABELS), rel=1e-5)


@every_loss
def test_loss_is_the_mean_over_queries_of_any_lengths(name):
    lists = [(SCORES, LABELS), ([0.5, 0.2, -0.1], [0, 3, 1])]
    scores = torch.tensor([SCORES, [*lists[1][0], 9.0, -9.0]])
    labels = torch.tensor([LABELS, [*lists[1][1], -1, -1]])
    task = Ranking(
        LOSSES[name], model=torch.nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min"
    )
    expected = np.mean([by_hand(name, *each) for each in lists])
    assert float(task.loss(lambda x: x, (scores, labels))) == pytest.approx(expected, rel=1e-5)


@every_loss
@pytest.mark.parametrize("score", [0.0, 1e4, math.inf, math.nan])
def test_scores_of_padding_affect_neither_loss_nor_gradient(name, score):
    scores, labels = torch.tensor([[*SCORES, score, score]]).requires_grad_(), torch.tensor([[*LABELS, -1, -1]])
    bare = torch.tensor([SCORES]).requires_grad_()
    expected, found = LOSSES[name](bare, torch.tensor([LABELS])), LOSSES[name](scores, labels)
    torch.testing.assert_close(found, expected)
    (wanted,), (gradient,) = torch.autograd.grad(expected, bare), torch.autograd.grad(found, scores)
    torch.testing.assert_close(gradient, torch.cat([wanted, torch.zeros(1, 2)], 1))


@every_loss
def test_order_of_documents_does_not_matter(name):
    order = torch.tensor([3, 0, 4, 1, 2])
    scores, labels = query()
    torch.testing.assert_close(LOSSES[name](scores[:, order], labels[:, order]), LOSSES[name](scores, labels))


def test_gradient_of_lambdarank_is_the_sum_of_lambdas():
    """lambda_i = sum over j less relevant of lambda_ij - sum over j more relevant of lambda_ji."""
    expected = [0.0] * len(SCORES)
    for i, j in pairs(LABELS):
        change = -swapped(SCORES, LABELS, i, j) / (1 + math.exp(SCORES[i] - SCORES[j]))
        expected[i] += change
        expected[j] -= change
    scores = torch.tensor([SCORES], dtype=torch.float64, requires_grad=True)
    lambdarank(scores, torch.tensor([LABELS])).sum().backward()
    assert scores.grad[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_approximate_ranks_converge_to_the_true_ones():
    gain = sum((2**y - 1) / math.log2(1 + r) for y, r in zip(LABELS, ranks(SCORES), strict=True)) / ideal_dcg(LABELS)
    assert float(approx_ndcg(*query(), alpha=1000)) == pytest.approx(1 - gain, rel=1e-5)


@every_loss
@pytest.mark.parametrize("labels", [[0, 0, 0], [2, 2, 2]])
def test_query_without_pairs_has_a_finite_loss_and_gradient(name, labels):
    scores = torch.tensor([[1.0, 1.0, 0.0]], requires_grad=True)
    loss = LOSSES[name](scores, torch.tensor([labels])).sum()
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.isfinite().all()
    if name in ("ranknet", "lambdarank"):
        assert loss == 0


@every_loss
@pytest.mark.parametrize("scale", [-1e4, 1e4])
def test_extreme_scores_have_a_finite_loss_and_gradient(name, scale):
    scores = torch.tensor([SCORES]).mul(scale).requires_grad_()
    loss = LOSSES[name](scores, torch.tensor([LABELS])).sum()
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.isfinite().all()


@every_loss
def test_losses_can_be_vmapped(name):
    torch.manual_seed(0)
    models = [Scorer(3, hidden=[4]) for _ in range(3)]
    x, labels = torch.randn(2, 5, 3), torch.tensor([LABELS, [1, 0, 0, -1, -1]])
    task = Ranking(partial(LOSSES[name]), model=models[0], recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min")
    stack, _ = stack_module_state(models)
    found = vmap(lambda weights: task.loss(lambda inputs: functional_call(models[0], weights, (inputs,)), (x, labels)))(stack)
    torch.testing.assert_close(found, torch.stack([task.loss(model, (x, labels)) for model in models]))


def test_scores_of_another_shape_are_refused():
    task = Ranking(ranknet, model=torch.nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min")
    with pytest.raises(ValueError, match="scores have shape"):
        task.loss(lambda x: x[..., None], query())
