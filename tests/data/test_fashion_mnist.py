"""Fashion-MNIST as published."""

from dataclasses import replace

import pytest
import torch
from conftest import ROOT, needs_fashion_mnist

from descentlab.data import fashion_mnist
from descentlab.data.fashion_mnist import FashionMNIST

FACTS = {"num_features": 784, "image_shape": [1, 28, 28], "num_classes": 10}


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    """Return the full data set, from this machine only."""
    here = ROOT / "data"
    folder = here if (here / "fashion_mnist").exists() else tmp_path_factory.mktemp("data")
    local = [source for source in fashion_mnist.FASHION_MNIST.sources if source.packaged]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fashion_mnist, "FASHION_MNIST", replace(fashion_mnist.FASHION_MNIST, sources=local))
        return FashionMNIST(str(folder), valid_fraction=0.1, **FACTS).splits


@needs_fashion_mnist
def test_sizes_and_types(splits):
    assert splits.sizes() == {"train": 54_000, "valid": 6_000, "test": 10_000}
    for x, y in (splits.train, splits.valid, splits.test):
        assert (x.shape[1:], x.dtype, y.dtype) == ((1, 28, 28), torch.float32, torch.int64)


@needs_fashion_mnist
def test_pixels_fill_zero_to_one(splits):
    for x, _ in (splits.train, splits.valid, splits.test):
        assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    assert float(splits.train[0].mean()) == pytest.approx(0.2860, abs=1e-3)  # of the published training set


@needs_fashion_mnist
def test_class_counts_are_the_published_ones(splits):
    assert torch.cat([splits.train[1], splits.valid[1]]).bincount().tolist() == [6000] * 10
    assert splits.test[1].bincount().tolist() == [1000] * 10


@needs_fashion_mnist
def test_images_and_labels_belong_together(splits):
    """Trousers (1) and ankle boots (9) differ in the gap between the legs."""
    x, y = splits.train
    trousers, boots = x[y == 1].mean(0)[0], x[y == 9].mean(0)[0]
    assert float(trousers[5, 14]) > 0.3 > float(boots[2, 2])
    assert float(trousers[26, 3]) < 0.05
    assert float(boots[20, 5]) > 0.3
