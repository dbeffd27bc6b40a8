"""CropFlip: equal to torchvision, independent between images, and the same for every optimizer and division of a batch."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional as F

from descentlab.budget import Plan
from descentlab.data.loading.augment import AUGMENTS, CropFlip
from descentlab.data.loading.loader import TrainLoader

ROWS = 50


def loader(augment=None, seed=0, size=16, **share):
    budget = {"epochs": None, "steps": 30, "examples": None, "seconds": None}
    pixels = torch.rand(ROWS, 2, 6, 8, generator=torch.Generator().manual_seed(0))
    return TrainLoader((pixels, torch.arange(ROWS)), Plan.of(ROWS, size, budget), seed, augment=augment, **share)


def whole(made, step):
    """Return row numbers and images of this process's share of a step."""
    parts = [part for part in made.parts(step) if part.weight]
    return torch.cat([part.batch[1] for part in parts]), torch.cat([part.batch[0] for part in parts])


def test_crop_flip_equals_torchvision():
    x, numbers = torch.rand(40, 2, 6, 8), torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    made = CropFlip(2)(x, numbers)
    for image, (top, left, mirror), changed in zip(x, numbers.tolist(), made, strict=True):
        expected = F.crop(F.pad(image, [2, 2, 2, 2]), int(top * 5), int(left * 5), 6, 8)
        assert torch.equal(changed, F.horizontal_flip(expected) if mirror < 0.5 else expected)


def test_crops_cover_all_positions():
    x = torch.rand(4, 1, 6, 8)
    for number in (0.0, 1 - 2**-24):
        assert CropFlip(4)(x, torch.full((4, 3), number)).shape == x.shape
    corners = {int(n * 9) for n in torch.rand(1000).tolist()}
    assert corners == set(range(9))


def test_images_of_a_batch_are_transformed_independently():
    x = torch.rand(1, 1, 8, 8).expand(64, -1, -1, -1)
    made = CropFlip()(x, torch.rand(64, 3, generator=torch.Generator().manual_seed(0)))
    assert len({tuple(image.flatten().tolist()) for image in made}) > 40


def test_augmentation_depends_on_seed_and_step_only():
    torch.manual_seed(1)
    first = [whole(loader(CropFlip()), step)[1] for step in range(4)]
    torch.manual_seed(2)
    made = loader(CropFlip())
    again = [whole(made, step)[1] for step in (3, 2, 1, 0)][::-1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(whole(loader(CropFlip(), seed=1, size="full"), 0)[1], whole(loader(CropFlip(), size="full"), 0)[1])


def test_image_is_transformed_differently_in_the_next_epoch():
    made = loader(CropFlip(), size="full")
    (rows, first), (others, second) = whole(made, 0), whole(made, 1)
    assert torch.equal(rows, others)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("share", [{"microbatch": 5}, {"world": 3}, {"world": 3, "microbatch": 2}], ids=str)
@pytest.mark.parametrize("step", [0, 3])  # 16 and 2 examples
def test_augmentation_does_not_depend_on_the_division_of_a_batch(share, step):
    rows, images = whole(loader(CropFlip()), step)
    expected = dict(zip(rows.tolist(), images, strict=True))
    for rank in range(share.get("world", 1)):
        parts = [part for part in loader(CropFlip(), rank=rank, **share).parts(step) if part.weight]
        for part in parts:
            for row, image in zip(part.batch[1].tolist(), part.batch[0], strict=True):
                assert torch.equal(image, expected.pop(row))
    assert not expected


def test_augment_none_leaves_batches_unchanged():
    assert AUGMENTS["none"] is None
    made = loader(AUGMENTS["none"], size="full")
    assert made.parts(0)[0].batch[0] is made.tensors[0]
