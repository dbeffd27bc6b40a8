"""Scaling of images and projection on principal components, against scikit-learn and definitions."""

import numpy as np
import pytest
import torch
from conftest import ROOT, needs_fashion_mnist
from sklearn.decomposition import PCA

from descentlab.data.digits import Digits
from descentlab.data.fashion_mnist import FashionMNIST
from descentlab.data.loading.scaled_images import normalized, projected, scaled
from descentlab.errors import UsageError

IMAGES = torch.rand(60, 1, 3, 4, generator=torch.Generator().manual_seed(0)), torch.rand(9, 1, 3, 4)
CUT = {"test_fraction": 0.2, "valid_fraction": 0.15}


def test_centred_images_have_mean_zero_in_each_pixel_and_keep_their_ratios():
    train, other = scaled(*IMAGES, pixels="centred")
    assert torch.allclose(train.mean(0), torch.zeros(1, 3, 4), atol=1e-6)
    assert torch.allclose(other, (IMAGES[1] - IMAGES[0].mean(0)) / IMAGES[0].std())


def test_standardised_images_have_mean_zero_and_deviation_one_over_all_pixels():
    train, _ = scaled(*IMAGES, pixels="standardised")
    assert (float(train.mean()), float(train.std())) == pytest.approx((0, 1), abs=1e-6)
    assert scaled(*IMAGES, pixels="unit")[0] is IMAGES[0]


def test_projections_are_those_of_scikit_learn_up_to_signs():
    train, other = projected(*IMAGES, components=5)
    reference = PCA(5, svd_solver="full").fit(IMAGES[0].flatten(1).double().numpy())
    for found, images in ((train, IMAGES[0]), (other, IMAGES[1])):
        assert found.shape == (len(images), 1, 1, 5)
        expected = reference.transform(images.flatten(1).double().numpy())
        np.testing.assert_allclose(np.abs(found[:, 0, 0].numpy()), np.abs(expected), atol=1e-5)
    assert train.var(0).flatten().tolist() == sorted(train.var(0).flatten().tolist(), reverse=True)


def test_signs_of_components_do_not_depend_on_the_solver():
    flipped = projected(*(each.flip(0) for each in IMAGES), components=3)[0].flip(0)
    assert torch.allclose(flipped, projected(*IMAGES, components=3)[0], atol=1e-5)


def test_more_components_than_pixels_are_refused():
    with pytest.raises(UsageError, match=r"data\.components=13: the training split has 12 principal components"):
        projected(*IMAGES, components=13)


def test_all_components_keep_distances_and_fit_the_training_split_only():
    whole = Digits(**CUT, pixels="centred").splits
    parts = Digits(**CUT, pixels="centred", components=64, num_features=64, image_shape=[1, 1, 64]).splits
    for before, after in ((whole.train, parts.train), (whole.test, parts.test)):
        lengths = [(x[:50] - x[50:100]).flatten(1).norm(dim=1) for x in (before[0], after[0])]
        assert torch.allclose(*lengths, rtol=1e-4)
    assert float(parts.train[0].mean(0).abs().max()) < 1e-4 < float(parts.test[0].mean(0).abs().max())


@pytest.mark.slow
@needs_fashion_mnist
def test_small_images_are_means_of_blocks():
    folder, limit = str(ROOT / "data"), {"limit": 50}
    whole = FashionMNIST(folder, 0.1, **limit).splits
    small = FashionMNIST(folder, 0.1, size=14, num_features=196, image_shape=[1, 14, 14], **limit).splits
    for before, after in ((whole.train, small.train), (whole.test, small.test)):
        blocks = before[0].reshape(-1, 1, 14, 2, 14, 2).mean((3, 5))
        assert torch.allclose(blocks, after[0], atol=1e-6)
        assert torch.equal(before[1], after[1])


def test_each_image_has_the_norm_and_images_of_zeros_stay():
    first, second = normalized(torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]]), torch.tensor([[[0.0, -2.0]]]), norm=10)
    assert torch.equal(first, torch.tensor([[[6.0, 8.0]], [[0.0, 0.0]]]))
    assert torch.equal(second, torch.tensor([[[0.0, -10.0]]]))
    parts = Digits(**CUT, pixels="centred", components=40, example_norm=8, num_features=40, image_shape=[1, 1, 40]).splits
    norms = parts.test[0].flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.full_like(norms, 8))
