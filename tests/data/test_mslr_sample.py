"""Queries of MSLR: complete, padded and scaled by train; and baselines of ranking."""

from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT, needs_data
from sklearn.metrics import ndcg_score
from sklearn.tree import DecisionTreeRegressor

from descentlab.baselines.ranking import BestFeature, Pointwise
from descentlab.data import mslr_sample
from descentlab.data.mslr_sample import MSLRSample, compressed, padded, queries

LINES = "2 qid:7 1:3 136:-1.5 \n0 qid:7 2:8\n1 qid:9 1:1\n4 qid:5 3:2\n"


def test_svmlight_file_is_read_as_queries_in_order(tmp_path):
    (tmp_path / "train.txt").write_text(LINES)
    found = queries(tmp_path / "train.txt")
    assert [labels.tolist() for _, labels in found] == [[2, 0], [1], [4]]
    assert (found[0][0][0, 0], found[0][0][0, 135], found[0][0][1, 1], found[2][0][0, 2]) == (3, -1.5, 8, 2)


def test_padding_has_label_minus_1_and_no_features():
    part = [(np.full((2, 136), 3.0), np.array([1, 0])), (np.full((1, 136), -3.0), np.array([4]))]
    inputs, targets = padded(part, np.full(136, 1.0), np.full(136, 2.0), 3)
    assert targets.tolist() == [[1, 0, -1], [4, -1, -1]]
    assert not inputs[targets < 0].any()
    np.testing.assert_allclose(inputs[0, 0], (np.log1p(3) - 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(inputs[1, 0], (-np.log1p(3) - 1) / 2, rtol=1e-6)


@cache
def published(part):
    return queries(ROOT / "data" / "mslr_sample" / f"{part}.txt")


@pytest.fixture
def make(monkeypatch):
    """Make the data set for a split_seed; its files are parsed once."""
    monkeypatch.setattr(mslr_sample, "queries", lambda path: published(path.stem))
    return lambda seed=0: MSLRSample(str(ROOT / "data"), valid_fraction=0.2, split_seed=seed, num_features=136)


@pytest.fixture
def data(make):
    return make()


@needs_data("mslr_sample")
def test_every_query_is_complete_and_in_one_split(data):
    splits = data.splits
    assert splits.sizes() == {"train": 34, "valid": 9, "test": 43}

    def lists(targets):
        return [tuple(row[row >= 0].tolist()) for row in targets]

    expected = {
        part: [tuple(labels.tolist()) for _, labels in found] for part in ("train", "test") for found in [published(part)]
    }
    assert lists(splits.test[1]) == expected["test"]
    assert sorted(lists(splits.train[1]) + lists(splits.valid[1])) == sorted(expected["train"])


@needs_data("mslr_sample")
def test_no_document_list_is_in_two_splits(data):
    splits = data.splits
    digests = [{row.numpy().tobytes() for row in part[0]} for part in (splits.train, splits.valid, splits.test)]
    assert [len(each) for each in digests] == [34, 9, 43]
    assert len(set.union(*digests)) == 86


@needs_data("mslr_sample")
def test_features_are_scaled_by_the_documents_of_train(data):
    inputs, targets = data.splits.train
    documents = inputs[targets >= 0]
    np.testing.assert_allclose(documents.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(documents.std(0, correction=0), 1, atol=1e-3)
    raw = compressed(published("test")[0][0])[:, 10]
    test = data.splits.test[0][0, : len(raw), 10].numpy()
    slope = np.ptp(test) / np.ptp(raw)
    np.testing.assert_allclose(test - test[0], slope * (raw - raw[0]), atol=1e-4)


@needs_data("mslr_sample")
def test_split_depends_on_split_seed(make):
    first, again, other = (make(seed).splits for seed in (0, 0, 1))
    assert first.digest() == again.digest() != other.digest()
    assert torch.equal(other.test[1], first.test[1])


def small():
    """Two queries whose second feature decreases with the label."""
    labels = torch.tensor([[2, 0, 1, -1], [0, 3, -1, -1]])
    inputs = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    inputs[..., 1] = -labels.float()
    inputs[labels < 0] = 0.0
    return inputs, labels


def test_best_feature_is_found_with_its_sign():
    inputs, labels = small()
    torch.testing.assert_close(BestFeature().fit((inputs, labels))(inputs), -inputs[..., 1])


def test_best_feature_is_best_by_scikit_learns_ndcg():
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(6, 9, 4)), rng.integers(0, 5, (6, 9))
    quality = {
        (f, sign): np.mean([ndcg_score([np.exp2(y) - 1], [sign * x[:, f]], k=3) for x, y in zip(inputs, labels, strict=True)])
        for f in range(4)
        for sign in (1, -1)
    }
    feature, sign = max(quality, key=quality.get)
    x = torch.as_tensor(inputs)
    torch.testing.assert_close(BestFeature(k=3).fit((x, torch.as_tensor(labels)))(x), sign * x[..., feature])


def test_pointwise_regressor_sees_documents_and_not_padding():
    inputs, labels = small()
    seen = []

    class Tree(DecisionTreeRegressor):
        def fit(self, x, y):
            seen.extend(y.tolist())
            return super().fit(x, y)

    found = Pointwise(regressor=Tree(random_state=0)).fit((inputs, labels))(inputs)
    assert seen == [2, 0, 1, 0, 3]
    assert torch.equal(found[labels >= 0], labels[labels >= 0].float())
