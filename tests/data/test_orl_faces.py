"""Faces: known people, strangers, and disjoint splits of images."""

import hashlib

import pytest
import torch
from conftest import ROOT, needs_data

from descentlab.data.orl_faces import OrlFaces

GIVEN = {"shrink": 2, "held_out": [2, 2], "strangers": [2, 8]}
pytestmark = needs_data("orl_faces")


def make(**changes):
    return OrlFaces(**{"data_dir": f"{ROOT}/data", **GIVEN, **changes}).load()


@pytest.fixture(scope="module")
def splits():
    return make()


def digests(images):
    return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images]


def test_sizes_and_number_of_images_of_each_person(splits):
    assert splits.sizes() == {"train": 30 * 6, "valid": 30 * 2 + 2 * 10, "test": 30 * 2 + 8 * 10}
    assert splits.train[1].bincount().tolist() == [6] * 30
    assert splits.valid[1].bincount().tolist() == [2] * 30 + [10] * 2
    assert splits.test[1].bincount().tolist() == [2] * 30 + [0] * 2 + [10] * 8
    assert splits.train[0].shape[1:] == (1, 56, 46)


def test_splits_of_images_are_disjoint_and_complete(splits):
    every = [digest for part in (splits.train, splits.valid, splits.test) for digest in digests(part[0])]
    assert len(every) == len(set(every)) == 400


@pytest.mark.parametrize("seed", [0, 1])
def test_strangers_are_absent_from_train(seed):
    """The published person of each image, identified by its pixels: no stranger is in train."""
    import numpy as np
    from torch.nn.functional import avg_pool2d

    splits = make(split_seed=seed)
    raw = avg_pool2d(torch.from_numpy(np.load(ROOT / "data/orl_faces/faces.npy"))[:, None] / 255, 2)
    flat = (raw - raw.mean((1, 2, 3), keepdim=True)).flatten(1)
    flat = flat / flat.norm(dim=1, keepdim=True)  # comparable at any mean and scale

    def person(images):
        centred = (images - images.mean((1, 2, 3), keepdim=True)).flatten(1)
        likeness = (centred / centred.norm(dim=1, keepdim=True)) @ flat.T
        assert float(likeness.amax(1).min()) > 0.9999
        return likeness.argmax(1) // 10

    known = set(person(splits.train[0]).tolist())
    assert len(known) == 30
    for images, people in (splits.valid, splits.test):
        strangers = person(images[people >= 30])
        assert not known & set(strangers.tolist())
        assert set(person(images[people < 30]).tolist()) == known
    numbers = dict(zip(splits.train[1].tolist(), person(splits.train[0]).tolist(), strict=True))
    assert [numbers[each] for each in splits.test[1][splits.test[1] < 30].tolist()] == person(
        splits.test[0][splits.test[1] < 30]
    ).tolist()


def test_images_are_standardised_by_train(splits):
    assert float(splits.train[0].mean()) == pytest.approx(0, abs=1e-4)
    assert float(splits.train[0].std()) == pytest.approx(1, abs=1e-4)
    assert abs(float(splits.test[0].mean())) > 1e-4


def test_split_seed_chooses_the_people(splits):
    assert make().digest() == splits.digest() != make(split_seed=1).digest()


@pytest.mark.parametrize("changes", [{"strangers": [20, 20]}, {"held_out": [5, 5]}])
def test_empty_train_split_is_an_error(changes):
    with pytest.raises(ValueError, match="leave no images for train"):
        make(**changes)
