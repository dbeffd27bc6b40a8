"""MovieLens: disjoint splits, and negative items that are equal for all optimizers."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT, needs_data

from descentlab.budget import Plan
from descentlab.data.loading.loader import TrainLoader
from descentlab.data.movielens_100k import ITEMS, USERS, Interactions, Negatives, Ratings

CUT = {"test_fraction": 0.1, "valid_fraction": 1 / 9}
here = needs_data("movielens_100k")


@cache
def table():
    return np.loadtxt(ROOT / "data" / "movielens_100k" / "u.data", np.int64)


@pytest.fixture(scope="module")
def ratings():
    return Ratings(str(ROOT / "data"), **CUT).splits


@pytest.fixture(scope="module")
def interactions():
    return Interactions(4, 1, data_dir=str(ROOT / "data"), **CUT).splits


def pairs(held_out):
    """Return the held-out pairs (user, item) of rows for evaluation."""
    users, kinds = held_out
    row, item = (kinds == 1).nonzero(as_tuple=True)
    return set(zip(users[row, 0].tolist(), item.tolist(), strict=True))


@pytest.mark.slow
@here
def test_splits_of_ratings_are_disjoint_and_complete(ratings):
    assert ratings.sizes() == {"train": 80_000, "valid": 10_000, "test": 10_000}
    rows = [{tuple(row) for row in x.tolist()} for x, _ in (ratings.train, ratings.valid, ratings.test)]
    assert sum(map(len, rows)) == len(set.union(*rows)) == 100_000
    assert set.union(*rows) == {(user - 1, item - 1) for user, item, *_ in table().tolist()}


@pytest.mark.slow
@here
def test_ratings_are_recovered_by_mean_and_scale_of_train(ratings):
    stars = {(user - 1, item - 1): rating for user, item, rating, _ in table().tolist()}
    train = np.array([stars[tuple(row)] for row in ratings.train[0].tolist()])
    assert ratings.target_scale == pytest.approx(train.std(), rel=1e-5)
    for x, y in (ratings.train, ratings.test):
        expected = [stars[tuple(row)] for row in x[:500].tolist()]
        np.testing.assert_allclose(y[:500, 0] * ratings.target_scale + train.mean(), expected, rtol=1e-4)


@pytest.mark.slow
@here
def test_splits_of_interactions_are_per_user_disjoint_and_complete(interactions):
    train = [tuple(row) for row in interactions.train[0][:, :2].tolist()]
    parts = [set(train), pairs(interactions.valid), pairs(interactions.test)]
    assert len(train) == len(parts[0])
    assert sum(map(len, parts)) == len(set.union(*parts)) == 55_375
    assert set.union(*parts) == {(user - 1, item - 1) for user, item, rating, _ in table().tolist() if rating >= 4}
    held = np.bincount([user for user, _ in parts[2]], minlength=USERS)
    total = np.bincount([user for part in parts for user, _ in part], minlength=USERS)
    np.testing.assert_array_equal(held, [round(n * 0.1) for n in total.tolist()])


@pytest.mark.slow
@here
def test_seen_items_are_those_of_train_and_for_test_also_of_valid(interactions):
    train = {tuple(row) for row in interactions.train[0][:, :2].tolist()}
    for split, known in ((interactions.valid, train), (interactions.test, train | pairs(interactions.valid))):
        users, kinds = split
        row, item = (kinds == -1).nonzero(as_tuple=True)
        found = set(zip(users[row, 0].tolist(), item.tolist(), strict=True))
        evaluated = set(users[:, 0].tolist())
        assert found == {(user, item) for user, item in known if user in evaluated}
        assert (kinds == 1).any(1).all()


@pytest.mark.slow
@here
def test_no_negative_is_an_item_that_the_user_has_in_train(interactions):
    (triples,) = interactions.train
    train = {tuple(row) for row in triples[:, :2].tolist()}
    assert not train & {tuple(row) for row in triples[:, [0, 2]].tolist()}


def few():
    """User 0 has all items but three, user 1 has one item."""
    rows = [(0, item) for item in range(ITEMS) if item not in (5, 600, ITEMS - 1)] + [(1, 3)]
    return torch.tensor(rows)


def test_negatives_are_uniform_over_the_other_items():
    train = few()
    rows, numbers = train[:1].expand(3000, -1), torch.linspace(0, 1 - 2**-24, 3000)[:, None]
    drawn = Negatives(train, 1)(rows, numbers)
    assert torch.equal(drawn[:, :2], rows)
    found, counts = drawn[:, 2].unique(return_counts=True)
    assert found.tolist() == [5, 600, ITEMS - 1]
    assert counts.tolist() == [1000, 1000, 1000]
    assert Negatives(train, 1)(train[-1:], torch.tensor([[1 - 2**-24]])).tolist() == [[1, 3, ITEMS - 1]]


def serving(seed=0, microbatch=None, world=1):
    """Return step -> the sorted rows of all processes; an epoch has 34 steps."""
    train = few()
    made = Negatives(train, 2)
    stored = made(train, torch.zeros(len(train), 2))
    plan = Plan(len(stored), 50, 200, 50)
    loaders = [TrainLoader((stored,), plan, seed, microbatch, rank, world, augment=made) for rank in range(world)]

    def served(step):
        rows = [part.batch[0] for loader in loaders for part in loader.parts(step) if part.weight]
        return sorted(torch.cat(rows).tolist())

    return served


def test_negatives_depend_on_seed_and_step_only():
    first = serving()(40)
    assert len(first) == 50
    assert len(first[0]) == 4
    assert serving()(40) == first
    assert serving(microbatch=7)(40) == first
    assert serving(world=2)(40) == first
    assert serving()(41) != first
    assert serving(seed=1)(40) != first


def test_pair_has_different_negatives_in_the_next_epoch():
    served = serving()

    def negatives(epoch):
        rows = [row for step in range(34) for row in served(34 * epoch + step)]
        return {(user, item): tuple(others) for user, item, *others in rows}

    first, second = negatives(0), negatives(1)
    assert first.keys() == second.keys()
    assert sum(first[key] != second[key] for key in first) > len(first) / 2


@here
@pytest.mark.parametrize("problem", ["movielens_bpr", "movielens_ncf"])
def test_sparse_gradients_train_and_are_refused_by_optimizers_that_cannot(train, problem):
    words = [
        f"problem={problem}",
        "model.sparse=true",
        "data.limit=60",
        "budget.epochs=null",
        "budget.steps=3",
        "batch_size=20",
    ]
    chosen = ["optimizer=custom", "optimizer._target_=torch.optim.SparseAdam"]
    if problem == "movielens_ncf":
        chosen += ["groups=[{match: embed}, {to: auxiliary}]"]
        chosen += ["auxiliary={_target_: torch.optim.Adam, _partial_: true, lr: 0.001}"]
    run = train(*words, *chosen)
    assert run.record.status == "completed"
    assert run.column("train/update_norm")[0] > 0
    with pytest.raises(RuntimeError, match="sparse"):
        train(*words, "optimizer=adam")
