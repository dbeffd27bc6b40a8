"""Losses and measures of recommendation over all items, compared with loops."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score
from torch import nn

from descentlab.baselines.recommendation import Biases, Popularity
from descentlab.optim.recipe import Recipe
from descentlab.tasks.recommendation import USERS, Recommendation, bpr, log_loss

LOSSES = {
    "bpr": (bpr, lambda i, j: math.log(1 + math.exp(j - i))),
    "log_loss": (log_loss, lambda i, j: -math.log(1 / (1 + math.exp(-i))) - math.log(1 - 1 / (1 + math.exp(-j)))),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def task(name="bpr", model=None):
    recipe = Recipe(optimizer=torch.optim.SGD)
    return Recommendation(LOSSES[name][0], model=model or nn.Identity(), recipe=recipe, monitor="loss", mode="min")


@every_loss
def test_loss_is_the_formula_averaged_over_rows_and_negatives(name):
    scores = torch.tensor([[0.4, -0.3, 1.5], [-2.0, 0.7, 0.0]])
    expected = np.mean([LOSSES[name][1](i, j) for i, *others in scores.tolist() for j in others])
    assert float(task(name).loss(lambda _: scores, (torch.zeros(2, 4, dtype=torch.int64),))) == pytest.approx(
        expected, rel=1e-5
    )


def evaluation_batch(users=2 * USERS + 3, items=30):
    """Return a table of scores by user and item, users in random order, and the kind of every item."""
    rng = np.random.default_rng(0)
    kinds = rng.choice([-1, 0, 0, 0, 1], (users, items)).astype(np.int8)
    kinds[:, 0], kinds[:, 1] = 1, 0
    table = torch.as_tensor(rng.normal(size=(users + 5, items)).astype(np.float32))
    return table, torch.as_tensor(rng.permutation(users + 5)[:users, None]), torch.as_tensor(kinds)


@every_loss
def test_evaluation_ranks_all_items_that_are_not_in_train(name):
    table, users, kinds = evaluation_batch()
    made = task(name, model=lambda x: table[x[:, :1], x[:, 1:]])
    made.validation_step((users, kinds), 0)
    found = {key: float(value) for key, value in made.valid.collect("").items()}
    losses, hits, gains = [], [], []
    for (user,), kind in zip(users.tolist(), kinds.numpy(), strict=True):
        scores = table[user].numpy()
        ranked = sorted(np.flatnonzero(kind >= 0), key=lambda item: -scores[item])
        hits.append(sum(kind[item] for item in ranked[:10]) / (kind == 1).sum())
        gains.append(ndcg_score([kind[kind >= 0]], [scores[kind >= 0]], k=10))
        for item in np.flatnonzero(kind == 1):
            losses.append(np.mean([LOSSES[name][1](scores[item], scores[other]) for other in np.flatnonzero(kind == 0)]))
    assert found["recall_at_10"] == pytest.approx(np.mean(hits), rel=1e-5)
    assert found["ndcg_at_10"] == pytest.approx(np.mean(gains), rel=1e-5)
    assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_training_rows_have_a_loss_and_no_ranking(recwarn):
    made, rows = task(model=lambda x: x[:, 1:].float()), torch.tensor([[0, 3, 1], [1, 2, 2]])
    made.evaluate(made.valid, (rows,), made.model)
    assert float(made.valid.collect("")["loss"]) == pytest.approx((math.log(1 + math.exp(-2)) + math.log(2)) / 2, rel=1e-5)
    assert not recwarn


def test_artifact_marks_held_out_items():
    scores = torch.tensor([[0.1, 0.9, 0.5] + [0.0] * 9])
    shown = task(model=lambda x: scores[:, x[0, 1:]]).artifacts((torch.tensor([[6]]), torch.tensor([[1, -1, 0] + [0] * 9])))
    assert shown["recommendations.txt"].splitlines()[1].startswith("user 7: 3 1* ")


def test_popularity_counts_users():
    """Item 2 was chosen three times, item 0 once, item 1 never."""
    train = (torch.tensor([[0, 2, 9], [1, 2, 9], [2, 2, 9], [0, 0, 9]]),)
    predict = Popularity(num_items=10).fit(train)
    found = predict(torch.tensor([[7, 0, 1, 2, 9]]))
    assert found[0].tolist() == pytest.approx(np.log1p([1, 0, 3, 0]), rel=1e-6)


def test_biases_are_shrunken_means():
    x, y = torch.tensor([[0, 0], [0, 1], [1, 0]]), torch.tensor([[5.0], [3.0], [1.0]])
    predict = Biases(num_users=3, num_items=3, item_shrinkage=2, user_shrinkage=1).fit((x, y))
    mean = 3.0
    items = [((5 - mean) + (1 - mean)) / (2 + 2), (3 - mean) / (2 + 1), 0.0]
    users = [((5 - mean - items[0]) + (3 - mean - items[1])) / (1 + 2), (1 - mean - items[0]) / (1 + 1), 0.0]
    rows = [(0, 0), (1, 1), (2, 2)]
    expected = [[mean + users[user] + items[item]] for user, item in rows]
    assert predict(torch.tensor(rows)).tolist() == pytest.approx(np.array(expected))
