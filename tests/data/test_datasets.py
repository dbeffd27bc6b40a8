"""The data sets of scikit-learn: contents, splits and errors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import compose_config
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from descentlab.data.breast_cancer import BreastCancer
from descentlab.data.diabetes import Diabetes
from descentlab.data.digits import Digits
from descentlab.data.loading.splits import standardise, tensor, three_way

CUT = {"test_fraction": 0.2, "valid_fraction": 0.15, "split_seed": 0}
SETS = {
    "digits": (Digits, {"num_features": 64, "image_shape": [1, 8, 8], "num_classes": 10}, load_digits, (1222, 216, 359)),
    "breast_cancer": (BreastCancer, {"num_features": 30}, load_breast_cancer, (387, 68, 114)),
    "diabetes": (Diabetes, {"num_features": 10}, lambda: load_diabetes(scaled=False), (301, 53, 88)),
}
every_set = pytest.mark.parametrize("name", SETS)


def make(name, **changes):
    kind, facts, _, _ = SETS[name]
    return kind(**(CUT | facts | changes))


def parts(name, **changes):
    splits = make(name, **changes).splits
    return splits.train, splits.valid, splits.test


@every_set
def test_sizes(name):
    assert tuple(make(name).splits.sizes().values()) == SETS[name][3]


@pytest.mark.parametrize(
    ("name", "inputs", "target", "kind"),
    [
        ("digits", (1, 8, 8), (), torch.int64),
        ("breast_cancer", (30,), (), torch.float32),
        ("diabetes", (10,), (1,), torch.float32),
    ],
)
def test_shapes_and_types(name, inputs, target, kind):
    for x, y in parts(name):
        assert (x.shape[1:], y.shape[1:]) == (inputs, target)
        assert (x.dtype, y.dtype) == (torch.float32, kind)
        assert len(x) == len(y)


@every_set
def test_splits_are_disjoint_and_together_the_whole_set(name):
    raw = SETS[name][2]().data
    rows = np.concatenate([x.flatten(1).numpy() for x, _ in parts(name)])
    assert len(rows) == len(raw)
    assert len(np.unique(rows, axis=0)) == len(np.unique(raw, axis=0))  # the published data have duplicates


@every_set
def test_inputs_are_the_published_numbers_standardised_by_train(name):
    bunch = SETS[name][2]()
    rows = three_way(len(bunch.data), CUT["test_fraction"], CUT["valid_fraction"], CUT["split_seed"])
    train, axis = bunch.data[rows[0]], None if name == "digits" else 0
    for (x, _), chosen in zip(parts(name), rows, strict=True):
        expected = (bunch.data[chosen] - train.mean(axis)) / train.std(axis)
        np.testing.assert_allclose(x.flatten(1).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_targets_are_the_published_ones():
    for name, published in (("digits", load_digits().target), ("breast_cancer", 1 - load_breast_cancer().target)):
        rows = three_way(len(published), CUT["test_fraction"], CUT["valid_fraction"], CUT["split_seed"])
        for (_, y), chosen in zip(parts(name), rows, strict=True):
            assert y.tolist() == published[chosen].tolist()


def test_positive_means_malignant():
    malignant = sum(float(y.sum()) for _, y in parts("breast_cancer"))
    assert malignant == 212


@every_set
def test_split_depends_on_split_seed_only(name):
    digests = []
    for run_seed, split_seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(run_seed)
        np.random.seed(run_seed)
        digests.append(make(name, split_seed=split_seed).splits.digest())
    assert digests[0] == digests[1] != digests[2]


def test_run_seed_does_not_reach_the_data_config():
    assert compose_config("seed=3")[0]["data"] == compose_config("seed=4", "data_seed=5")[0]["data"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rows", [10, 442, 1797])
def test_three_way_split_is_disjoint_complete_and_repeatable(rows, seed):
    train, valid, test = three_way(rows, 0.2, 0.15, seed)
    assert sorted([*train, *valid, *test]) == list(range(rows))
    assert (len(test), len(valid)) == (round(rows * 0.2), round((rows - len(test)) * 0.15))
    assert [list(part) for part in three_way(rows, 0.2, 0.15, seed)] == [list(train), list(valid), list(test)]


def test_constant_column_becomes_zero():
    train, other = standardise(torch.tensor([[5.0, 1.0], [5.0, 3.0]]), torch.tensor([[5.0, 4.0]]))
    assert train.tolist() == [[0, -1], [0, 1]]
    assert other.tolist() == [[0, 2]]


def test_floats_become_32_bits_and_integers_64():
    assert tensor(np.zeros(1, np.float64)).dtype == torch.float32
    assert tensor(np.zeros(1, np.uint8)).dtype == torch.int64


@every_set
def test_limit_keeps_the_first_rows_of_every_split(name):
    for (x, y), (all_x, all_y) in zip(parts(name, limit=20), parts(name), strict=True):
        assert torch.equal(x, all_x[:20])
        assert torch.equal(y, all_y[:20])
    assert make(name, limit=100_000).splits.sizes() == make(name).splits.sizes()


@pytest.mark.parametrize(
    ("name", "key", "wrong", "right"),
    [
        ("digits", "num_features", 60, "64"),
        ("digits", "image_shape", [8, 8, 1], r"\[1, 8, 8\]"),
        ("digits", "num_classes", 9, "10"),
        ("diabetes", "num_features", 60, "10"),
        ("breast_cancer", "num_features", 60, "30"),
    ],
)
def test_wrong_fact_is_refused_by_name(name, key, wrong, right):
    with pytest.raises(ValueError, match=rf"data\.{key} is .* {SETS[name][0].__name__} has {right}"):
        _ = make(name, **{key: wrong}).splits


@every_set
def test_unknown_key_is_an_error(name):
    with pytest.raises(TypeError, match="colour"):
        make(name, colour="red")


@every_set
def test_split_without_examples_is_refused(name):
    """Without this error a run would complete without validation and test."""
    with pytest.raises(ValueError, match="valid"):
        _ = make(name, valid_fraction=1e-6).splits


def test_digest_depends_on_the_numbers():
    assert make("digits").splits.digest() == make("digits").splits.digest()
    assert make("digits").splits.digest() != make("digits", limit=1000).splits.digest()


def test_diabetes_keeps_the_scale_of_its_target():
    target = load_diabetes(scaled=False).target
    rows = three_way(len(target), CUT["test_fraction"], CUT["valid_fraction"], CUT["split_seed"])
    splits, train = make("diabetes").splits, target[rows[0]]
    assert splits.target_scale == pytest.approx(train.std(), rel=1e-6)
    for (_, y), chosen in zip(parts("diabetes"), rows, strict=True):
        np.testing.assert_allclose(y[:, 0] * splits.target_scale + train.mean(), target[chosen], rtol=1e-5)


def test_rmse_is_in_the_targets_own_unit(train):
    target = load_diabetes(scaled=False).target
    rows = three_way(len(target), CUT["test_fraction"], CUT["valid_fraction"], CUT["split_seed"])
    mean = target[rows[0]].mean()  # the initial prediction of a linear model
    run = train("problem=diabetes_linear", "optimizer=sgd", "optimizer.lr=0", "budget.epochs=1")
    expected = [np.sqrt(np.mean((target[chosen] - mean) ** 2)) for chosen in rows[1:]]
    assert run.column("valid/rmse")[0] == pytest.approx(expected[0], rel=1e-5)
    assert run.record.summary["test"]["rmse"] == pytest.approx(expected[1], rel=1e-5)


def test_digest_depends_on_the_target_scale():
    """Equal standardised targets with different scales are different data: rmse and mae differ."""
    splits = Diabetes(test_fraction=0.2, valid_fraction=0.1).splits
    assert replace(splits, target_scale=100 * splits.target_scale).digest() != splits.digest()
    assert replace(splits, target_scale=splits.target_scale).digest() == splits.digest()
