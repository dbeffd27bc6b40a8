"""Image data sets, loaded from the published files or from fabricated files in the same format."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT, AtPoint, needs_data
from scipy.io import savemat
from support.images import cifar, write_imagenet
from torchvision.datasets import SVHN as TorchvisionSVHN

from descentlab.data import torchvision_sets
from descentlab.data.fetch import registry
from descentlab.data.fetch.idx import images, labels
from descentlab.data.fetch.sources import DataError
from descentlab.data.imagenet import DEVIATION, MEAN, ImageNet
from descentlab.data.loading import loader
from descentlab.data.medmnist import MedMNIST
from descentlab.data.mnist import MNIST
from descentlab.data.torchvision_sets import CIFAR10, CIFAR100, SVHN
from descentlab.run import run
from descentlab.store.interruption import Interrupted
from descentlab.store.record import read_curves

FACTS = {"num_features": 3072, "image_shape": [3, 32, 32], "num_classes": 10}


def rows_of(split) -> set[str]:
    """Return a digest of each input of a split."""
    return {hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in split[0]}


def disjoint(splits) -> bool:
    """Return True if no example is in two splits."""
    each = [rows_of(split) for split in (splits.train, splits.valid, splits.test)]
    return len(set.union(*each)) == sum(map(len, each))


def test_idx_files_are_read_after_their_header(tmp_path):
    pixels = np.arange(2 * 784, dtype=np.uint64).astype(np.uint8).reshape(2, 28, 28)
    (tmp_path / "images").write_bytes(bytes(16) + pixels.tobytes())
    (tmp_path / "labels").write_bytes(bytes(8) + bytes([7, 3]))
    assert torch.equal(images(tmp_path / "images")[:, 0] * 255, torch.from_numpy(pixels).float())
    assert labels(tmp_path / "labels").tolist() == [7, 3]


@pytest.mark.slow
@needs_data("mnist")
def test_mnist_as_published():
    made = MNIST(str(ROOT / "data"), 0.1, num_features=784, image_shape=[1, 28, 28], num_classes=10, peak=1.0).splits
    assert made.sizes() == {"train": 54_000, "valid": 6_000, "test": 10_000}
    assert made.test[1].bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(torch.cat([made.train[0], made.valid[0]]).mean()) == pytest.approx(0.1307, abs=1e-4)
    assert made.test[1][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert not rows_of(made.valid) & (rows_of(made.train) | rows_of(made.test))


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_cifar_is_fetched_read_split_and_standardised_by_train_alone(monkeypatch, tmp_path, kind):
    batches = cifar(monkeypatch, tmp_path, kind)
    made = kind(str(tmp_path), 0.2, **FACTS).splits
    published = len(kind.make.train_list) * 20
    assert made.sizes() == {"train": published * 0.8, "valid": published * 0.2, "test": 40}
    mean, deviation = made.train[0].mean((0, 2, 3)), made.train[0].std((0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(deviation, torch.ones(3), atol=1e-5, rtol=0)
    [(name, _)] = kind.make.test_list
    pixels, given, _ = batches[name]
    rows = torch.from_numpy(pixels.reshape(-1, 3, 32, 32)).float()
    scale = (rows[0] - rows[1]).mean((1, 2)) / (made.test[0][0] - made.test[0][1]).mean((1, 2))
    shift = (rows - made.test[0] * scale[:, None, None]).mean((0, 2, 3))
    torch.testing.assert_close(made.test[0] * scale[:, None, None] + shift[:, None, None], rows, atol=0.1, rtol=0)
    assert float(made.test[0].mean().abs()) > 1e-6  # test is standardised by the statistics of train
    assert made.test[1].tolist() == given
    assert disjoint(made)
    (tmp_path / kind.folder_name / kind.make.filename).unlink()
    assert kind(str(tmp_path), 0.2, **FACTS).splits.digest() == made.digest()  # from the unpacked files


@pytest.mark.parametrize("fault", ["digest", "away"])
def test_unavailable_or_changed_cifar_is_refused(monkeypatch, tmp_path, fault):
    cifar(monkeypatch, tmp_path, CIFAR10, digest="0" * 32 if fault == "digest" else None)
    if fault == "away":
        (tmp_path / "cifar10" / CIFAR10.make.filename).unlink()
    with pytest.raises(DataError, match="cifar10: torchvision cannot provide it"):
        _ = CIFAR10(str(tmp_path), 0.2, **FACTS).splits


SMALL = ("batch_size=8", "budget.epochs=null", "budget.steps=3", "validate_every=2", "log_every=1", "data.num_classes=10")


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["cifar10_resnet18", "cifar10_3c3d", "cifar100_allcnnc"])
def test_cifar_problems_train(monkeypatch, tmp_path, train, problem):
    cifar(monkeypatch, tmp_path, CIFAR10 if "cifar10_" in problem else CIFAR100)
    run = train(f"problem={problem}", "optimizer=sgd", *SMALL, "data.limit=20", f"data_dir={tmp_path}", "sweep=s")
    assert run.record.status == "completed"
    assert len(run.column("train/loss")) == 3


def test_resumed_run_on_augmented_images_equals_uninterrupted_run(monkeypatch, tmp_path, job):
    monkeypatch.setattr(loader, "MAX_CHUNK", 1)
    cifar(monkeypatch, tmp_path, CIFAR10)
    words = ("problem=cifar10_3c3d", "model=mlp", *SMALL, "budget.steps=12", f"data_dir={tmp_path}")
    whole, parts, plain = (job(*words, *more) for more in (("sweep=w",), ("sweep=p",), ("sweep=n", "data.augment=none")))
    for each in (whole, plain):
        run(each)
    with pytest.raises(Interrupted):
        run(parts, AtPoint(5))
    run(parts)
    curves = [read_curves(each.folder).drop("train_seconds") for each in (whole, parts, plain)]
    assert curves[0].equals(curves[1])
    assert not curves[0].equals(curves[2])


def street_numbers(monkeypatch, folder):
    """Write files in SVHN's format and set their digests in torchvision's class."""
    random, listed = np.random.default_rng(0), {}
    (folder / "svhn").mkdir()
    for part, rows in (("train", 60), ("test", 20)):
        given = np.arange(rows)[:, None] % 10 + 1
        file = folder / "svhn" / f"{part}_32x32.mat"
        savemat(file, {"X": random.integers(0, 256, (32, 32, 3, rows), np.uint8), "y": given.astype(np.uint8)})
        listed[part] = ["http://localhost:1/", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
    monkeypatch.setattr(TorchvisionSVHN, "split_list", listed)


@pytest.mark.slow
def test_svhn_wrn_trains(monkeypatch, tmp_path, train):
    street_numbers(monkeypatch, tmp_path)
    run = train("problem=svhn_wrn", "optimizer=sgd", *SMALL, "data.limit=20", f"data_dir={tmp_path}", "sweep=s")
    assert run.record.status == "completed"


def test_svhn_label_of_zero_is_converted(monkeypatch, tmp_path):
    street_numbers(monkeypatch, tmp_path)
    made = SVHN(str(tmp_path), 0.1, **FACTS).splits
    assert made.sizes() == {"train": 54, "valid": 6, "test": 20}
    assert made.test[1].tolist() == [(i % 10 + 1) % 10 for i in range(20)]
    assert made.train[0].shape[1:] == (3, 32, 32)
    assert disjoint(made)


def test_augment_is_a_key_of_the_config(tmp_path):
    assert CIFAR10(str(tmp_path), 0.2, augment="crop_flip", **FACTS).augment is torchvision_sets.AUGMENTS["crop_flip"]
    assert CIFAR10(str(tmp_path), 0.2, **FACTS).augment is None


@pytest.fixture
def medical(monkeypatch, tmp_path):
    """Write fabricated files in MedMNIST's format; return their arrays."""
    random, arrays = np.random.default_rng(0), {}
    for part, rows in (("train", 70), ("val", 20), ("test", 30)):
        arrays[f"{part}_images"] = random.integers(0, 256, (rows, 28, 28), np.uint8)
        arrays[f"{part}_labels"] = random.integers(0, 2, (rows, 1), np.uint8)
    for entry in (registry.REGISTRY["pneumoniamnist"], registry.REGISTRY["breastmnist"]):
        [file] = entry.files
        path = tmp_path / entry.name / file
        path.parent.mkdir()
        np.savez_compressed(path, **arrays)
        fabricated = replace(entry, files={file: f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"}, sources=())
        monkeypatch.setitem(registry.REGISTRY, entry.name, fabricated)
    return tmp_path, arrays


@pytest.mark.parametrize(("name", "positive"), [("pneumoniamnist", 1), ("breastmnist", 0)])
def test_medmnist_keeps_the_published_splits(medical, name, positive):
    folder, arrays = medical
    made = MedMNIST(name, str(folder), positive, num_features=784, image_shape=[1, 28, 28]).splits
    for part, (x, y) in (("train", made.train), ("val", made.valid), ("test", made.test)):
        assert torch.equal(x[:, 0] * 255, torch.from_numpy(arrays[f"{part}_images"]).float())
        assert y.tolist() == (arrays[f"{part}_labels"][:, 0] == positive).astype(float).tolist()
    assert disjoint(made)


def test_pneumonia_cnn_trains(medical, train):
    folder, _ = medical
    run = train("problem=pneumonia_cnn", "batch_size=20", "budget.epochs=2", f"data_dir={folder}", "sweep=pneumonia")
    assert run.record.status == "completed"
    assert 0 <= run.record.summary["test"]["auroc"] <= 1


@pytest.fixture
def photographs(tmp_path):
    write_imagenet(tmp_path)
    return tmp_path


def small(folder, **more):
    facts = {"num_features": 3 * 32 * 32, "image_shape": [3, 32, 32], "num_classes": 3}
    return ImageNet(str(folder), valid_fraction=0.25, **(facts | more))


def test_imagenet_valid_is_cut_from_train_and_the_published_one_is_test(photographs):
    made = small(photographs).splits
    assert made.sizes() == {"train": 18, "valid": 6, "test": 9}
    names = [{made_of.dataset.samples[row][0] for row in made_of.indices} for made_of in (made.train, made.valid)]
    assert len(names[0] | names[1]) == 24
    assert all("/train/" in name for name in names[0] | names[1])
    assert all("/val/" in name for name, _ in made.test.samples)


def test_evaluation_uses_centre_crops_and_training_random_crops(photographs):
    made = small(photographs).splits
    image, label = made.test[4]
    assert (image.shape, image.dtype, label) == ((3, 32, 32), torch.float32, 1)
    assert torch.equal(made.test[4][0], image)
    assert not torch.equal(made.train[0][0], made.train[0][0])
    bounds = [(torch.tensor(end) - torch.tensor(MEAN)) / torch.tensor(DEVIATION) for end in (0.0, 1.0)]
    assert (image.amin((1, 2)) >= bounds[0]).all()
    assert (image.amax((1, 2)) <= bounds[1]).all()


def test_wrong_number_of_classes_and_missing_folders_are_refused(photographs, tmp_path):
    with pytest.raises(ValueError, match=r"data\.num_classes is 1000"):
        _ = small(photographs, num_classes=1000).splits
    with pytest.raises(DataError, match="image-net"):
        _ = small(tmp_path / "elsewhere").splits


def test_fingerprint_depends_on_files_and_split(photographs):
    first = small(photographs).splits.digest()
    assert small(photographs).splits.digest() == first
    assert small(photographs, split_seed=1).splits.digest() != first
    assert small(photographs, limit=5).splits.digest() != first
    (photographs / "imagenet" / "val" / "n01440764" / "val_n01440764_0.JPEG").unlink()
    assert small(photographs).splits.digest() != first


def test_imagenet_resnet50_trains(photographs, train):
    smaller = ("data.num_features=3072", "data.image_shape=[3,32,32]", "data.num_classes=3", "data.valid_fraction=0.25")
    words = ("data.workers=1", "model.name=resnet18", "batch_size=9", "budget.epochs=2", f"data_dir={photographs}")
    run = train("problem=imagenet_resnet50", "optimizer=sgd", *smaller, *words, "sweep=imagenet")
    assert run.record.status == "completed"
    assert run.record.data["rows"] == {"train": 18, "valid": 6, "test": 9}
    assert len(run.column("valid/loss")) == 3
