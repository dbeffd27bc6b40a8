"""Image folders: published and random splits, standardised pixels, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from descentlab.data.fetch.sources import DataError
from descentlab.data.image_folder import ImageFolder
from descentlab.data.loading.pixels import read_image

CLASSES = ("cat", "dog", "fox")


def draw(folder, classes=CLASSES, count=12, seed=0, size=(24, 20)):
    """Write noisy images whose brightness depends on their class."""
    numbers = np.random.default_rng(seed)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for image in range(count):
            pixels = numbers.normal(60 + 60 * place, 20, (*size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{image}.png")
    return folder


def data(folder, **more):
    return ImageFolder(**{"path": str(folder), "size": 16} | more)


def test_splits_are_cut_in_equal_shares_and_standardised_by_train(tmp_path):
    made = data(draw(tmp_path / "x"))
    splits = made.splits
    assert splits.train[0].shape[1:] == (3, 16, 16)
    assert sum(splits.sizes().values()) == 36
    for part in (splits.train, splits.valid, splits.test):
        assert len(part[1].bincount(minlength=3).unique()) == 1, "as many of each class"
    assert splits.train[0].mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert splits.train[0].std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert splits.train[1].dtype == torch.int64
    found = {"num_features": 768, "image_shape": [3, 16, 16], "num_classes": 3, "num_outputs": 3}
    assert made.inferred(splits) == found
    assert data(tmp_path / "x").splits.digest() == splits.digest()


@pytest.mark.parametrize(
    ("names", "published"), [(("train", "test"), "test"), (("train", "val"), "test"), (("Train", "TEST", "valid"), "both")]
)
def test_published_splits_are_kept(tmp_path, names, published):
    for place, name in enumerate(names):
        draw(tmp_path / name, count=8 + place, seed=place)
    sizes = data(tmp_path).splits.sizes()
    assert sizes["test"] == 27
    if published == "both":
        assert (sizes["train"], sizes["valid"]) == (24, 30)
    else:
        assert sizes["train"] + sizes["valid"] == 24


def test_class_named_train_is_a_class(tmp_path):
    made = data(draw(tmp_path, classes=("bus", "train")))
    assert sum(made.splits.sizes().values()) == 24
    assert made.classes == ["bus", "train"]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_read(tmp_path, mode, channels):
    path = tmp_path / ("x.tiff" if mode == "CMYK" else "x.png")
    image = (
        Image.fromarray(np.full((9, 30), 128, np.uint16))
        if mode == "I;16"
        else Image.new("RGB", (30, 9), "white").convert(mode)
    )
    image.save(path)
    assert read_image(path, 8, channels).shape == (channels, 8, 8)


def test_centre_of_the_scaled_image_is_kept(tmp_path):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", 10, 1).mean() == 255


def test_identical_images_are_in_one_split(tmp_path):
    folder = draw(tmp_path / "x", count=10)
    for name in CLASSES:
        for place in range(10):
            (folder / name / f"again{place}.png").write_bytes((folder / name / f"{place}.png").read_bytes())
    splits = data(folder).splits
    held = [{image.numpy().tobytes() for image in part[0]} for part in (splits.train, splits.valid, splits.test)]
    assert not held[0] & held[1]
    assert not (held[0] | held[1]) & held[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "cat" / "0.png").write_bytes(b"no image"), "0.png cannot be read as an image"),
        (
            lambda folder: (folder / "cat" / "0.png").write_bytes((folder / "cat" / "0.png").read_bytes()[:200]),
            "cannot be read as an image",
        ),
        (lambda folder: (folder / "owl").mkdir(), "owl has no image"),
        (lambda folder: (folder / "owl" / "notes").mkdir(parents=True), "owl has no image"),
    ],
)
def test_invalid_image_folder_is_reported(tmp_path, change, message):
    change(draw(tmp_path / "x"))
    with pytest.raises(DataError, match=message):
        _ = data(tmp_path / "x").splits


def test_folder_without_class_folders_is_reported(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        _ = data(tmp_path / "nowhere").splits
    draw(tmp_path / "one", classes=("cat",))
    with pytest.raises(DataError, match="has cat as its only class folder"):
        _ = data(tmp_path / "one").splits
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no class folders"):
        _ = data(tmp_path / "empty").splits
    with pytest.raises(DataError, match=r"data.size=big: give a whole number"):
        _ = data(tmp_path / "one", size="big").splits
    with pytest.raises(DataError, match=r"data.channels=2 is not allowed"):
        _ = data(tmp_path / "one", channels=2).splits
    with pytest.raises(DataError, match="too few images for test and valid"):
        _ = data(draw(tmp_path / "few", count=1)).splits


def test_splits_with_different_classes_are_refused(tmp_path):
    draw(tmp_path / "train")
    draw(tmp_path / "test", classes=("cat", "dog"))
    with pytest.raises(DataError, match=r"test/ and train/ in .* have different classes \(fox only in one\)"):
        _ = data(tmp_path).splits


@pytest.mark.parametrize("model", ["cnn_2c2d", "resnet8"])
def test_image_folder_trains_from_the_command_line(train, tmp_path, model):
    folder = draw(tmp_path / "x")
    words = ("data=image_folder", f"data.path={folder}", "task=classification", f"model={model}", "batch_size=8")
    run = train(*words, "data.size=16", "optimizer=adam", "optimizer.lr=0.001", "budget.epochs=2")
    assert run.record.status == "completed"
    assert run.record.summary["test"]["accuracy"] > 0.3


def test_message_names_identical_images_as_the_cause(tmp_path):
    folder = draw(tmp_path / "x")
    first = (folder / "cat" / "0.png").read_bytes()
    for path in folder.rglob("*.png"):
        path.write_bytes(first)
    with pytest.raises(DataError, match=r"of 36 images only 1 differ at data.size=16 and data.channels=3, and identical"):
        _ = data(folder).splits


def test_files_that_are_not_read_give_a_warning(tmp_path):
    folder = draw(tmp_path / "x")
    for name in ("cat/a.gif", "cat/b.GIF", "dog/c.heic", "dog/d", "dog/.hidden", "notes.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "loose.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    made = data(folder)
    assert sum(made.splits.sizes().values()) == 36
    kinds = "2 with .gif, 1 with .heic, 1 with no suffix"
    assert made.warnings == [
        f"Not read because of its suffix: 4 files in {folder} ({kinds}); convert images to .png.",
        f"Not read because outside the class folders: 1 image in {folder} (loose.png).",
    ]


def test_folder_alongside_the_published_splits_gives_a_warning(tmp_path):
    draw(tmp_path / "train")
    draw(tmp_path / "test", seed=1)
    draw(tmp_path / "extra", classes=("cat",), seed=2)
    made = data(tmp_path)
    assert made.splits.sizes()["test"] == 36
    [message] = made.warnings
    assert "12 images" in message


def test_images_in_two_published_splits_give_a_warning(tmp_path):
    draw(tmp_path / "train")
    draw(tmp_path / "test", count=8)
    draw(tmp_path / "valid", count=4, seed=5)
    for place in range(3):
        (tmp_path / "test" / "fox" / f"{place}.png").write_bytes((tmp_path / "train" / "fox" / f"{place}.png").read_bytes())
    made = data(tmp_path)
    assert made.splits.sizes()["test"] == 24
    [message] = made.warnings
    assert message.startswith("test and train share identical images: ")


@pytest.mark.parametrize("names", [("val", "validation"), ("valid", "val"), ("test", "testing"), ("training", "Train")])
def test_two_folders_for_one_split_are_refused(tmp_path, names):
    for name in dict.fromkeys(("train", "test", *names)):
        draw(tmp_path / name, count=3)
    with pytest.raises(DataError, match=r"several folders for \w+: .*/ and .*/"):
        _ = data(tmp_path).splits


def test_hidden_files_are_not_images(tmp_path):
    folder = draw(tmp_path / "x")
    (folder / "owl").mkdir()
    (folder / "owl" / "._0.png").write_bytes(b"x")
    with pytest.raises(DataError, match="owl has no image"):
        _ = data(folder).splits


def test_limit_that_leaves_a_class_out_is_refused(tmp_path):
    folder = draw(tmp_path / "x")
    with pytest.raises(DataError, match=r"data.limit=1: 1 row of train cannot hold all 3 classes"):
        _ = data(folder, limit=1).splits
    assert data(folder, limit=20).splits.sizes()["train"] == 20
