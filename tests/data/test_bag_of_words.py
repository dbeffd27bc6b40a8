"""Bags of words: frequencies, targets by the definition, and learnability."""

import numpy as np
import pytest
import torch

from descentlab.data.bag_of_words import BagOfWords, zipf


def drawn(rows=(3000, 20, 10), words=50, length=40, **more):
    return BagOfWords(rows=list(rows), length=length, num_features=words, **more).splits


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.5])
def test_words_have_zipfs_frequencies(exponent):
    counts = drawn(exponent=exponent).train[0]
    assert torch.equal(counts.sum(1), torch.full((3000,), 40.0))
    expected = np.arange(1, 51) ** -exponent
    expected = expected / expected.sum()
    deviation = np.sqrt(expected * (1 - expected) / (3000 * 40))
    assert np.abs(counts.double().mean(0).numpy() / 40 - expected).max() < 5 * deviation.max()
    np.testing.assert_allclose(zipf(50, exponent), expected)


def test_targets_are_a_linear_function_of_the_counts():
    """The classes are separable, by the direction that the definition gives, and about as frequent."""
    data = BagOfWords(rows=[500, 200, 100], length=40, num_features=50, split_seed=3)
    frequencies = data.frequencies
    weights = np.random.default_rng(3).standard_normal(50) / np.sqrt(frequencies)
    for counts, targets in (data.splits.train, data.splits.valid, data.splits.test):
        scores = (counts.double().numpy() - 40 * frequencies) @ weights
        assert ((scores > 0) == (targets.numpy() == 1)).all()
        assert set(targets.tolist()) == {0.0, 1.0}
        assert abs(float(targets.mean()) - 0.5) < 0.15
        assert targets.dtype == counts.dtype == torch.float32


def test_frequent_and_rare_words_contribute_the_same_variance():
    data = BagOfWords(rows=[20_000, 1, 1], length=40, num_features=30)
    parts = data.splits.train[0].double().numpy() / np.sqrt(data.frequencies)
    variances = parts.var(0)
    np.testing.assert_allclose(variances, 40 * (1 - data.frequencies), rtol=0.15)


def test_draws_depend_on_split_seed_only():
    digests = []
    for run_seed, split_seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(run_seed)
        digests.append(drawn(rows=(20, 10, 10), split_seed=split_seed).digest())
    assert digests[0] == digests[1] != digests[2]
