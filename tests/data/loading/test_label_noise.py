"""Wrong labels: how many, which classes, and which splits."""

import pytest
import torch

from descentlab.data.digits import Digits
from descentlab.data.loading.label_noise import with_wrong_labels
from descentlab.errors import UsageError

CUT = {"test_fraction": 0.2, "valid_fraction": 0.15}


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_the_share_of_wrong_labels_is_exact(share):
    labels = torch.arange(1000) % 7
    found = with_wrong_labels(labels, share, 0)
    assert int((found != labels).sum()) == round(share * 1000)
    assert labels.tolist() == (torch.arange(1000) % 7).tolist()  # not changed in place
    assert (found.dtype, found.min(), found.max()) == (torch.int64, 0, 6)


def test_wrong_labels_are_uniform_over_the_other_classes():
    labels = torch.full((30_000,), 2)
    labels[:4] = torch.arange(4)
    found = with_wrong_labels(labels, 1.0, 0)
    shares = found.bincount(minlength=4) / len(found)
    assert torch.allclose(shares, torch.tensor([1 / 3, 1 / 3, 0, 1 / 3]), atol=0.01)


def test_draws_depend_on_the_seed():
    labels = torch.arange(500) % 3
    first, again, other = (with_wrong_labels(labels, 0.3, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("targets", [torch.randn(5), torch.zeros(5, 2, dtype=torch.int64)])
def test_targets_that_are_no_classes_are_refused(targets):
    with pytest.raises(UsageError, match="targets of this data set are not classes"):
        with_wrong_labels(targets, 0.5, 0)


def test_a_single_class_is_refused():
    with pytest.raises(UsageError, match="two classes"):
        with_wrong_labels(torch.ones(5, dtype=torch.int64), 0.5, 0)


@pytest.mark.parametrize("limit", [None, 200])
def test_training_labels_only_after_the_limit(limit):
    plain, noisy = (Digits(**CUT, limit=limit, label_noise=share).splits for share in (0.0, 0.2))
    assert torch.equal(plain.train[0], noisy.train[0])
    assert int((plain.train[1] != noisy.train[1]).sum()) == round(0.2 * len(plain.train[1]))
    for name in ("valid", "test"):
        assert all(torch.equal(*pair) for pair in zip(getattr(plain, name), getattr(noisy, name), strict=True))
