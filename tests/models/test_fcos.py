"""FCOS: shapes, strides and initial outputs."""

import pytest
import torch

from descentlab.models.fcos import FCOS


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_output_has_a_location_every_stride_pixels(stride):
    model = FCOS([3, 64, 48], num_classes=7, stride=stride, width=32, depth=1)
    assert model(torch.rand(2, 3, 64, 48)).shape == (2, 12, 64 // stride, 48 // stride)


def test_uint8_images_are_divided_by_255():
    model, pixels = FCOS([1, 32, 32], 3, 8, 32, 1), torch.randint(256, (2, 1, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model(pixels), model(pixels / 255))
    assert model.double()(pixels).dtype == torch.float64


def test_initial_class_probabilities_are_low_and_distances_positive():
    torch.manual_seed(0)
    logits, distances, _ = FCOS([1, 64, 64], 5, 8, 32, 1)(torch.rand(4, 1, 64, 64)).detach().split([5, 4, 1], 1)
    assert float(logits.sigmoid().mean()) == pytest.approx(0.01, rel=0.3)
    assert (distances > 0).all()
