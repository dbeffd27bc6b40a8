"""Scales of input features."""

from __future__ import annotations

import pytest
import torch

from descentlab.data.loading.scales import feature_scales
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import TensorData


class Fixed(TensorData):
    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()
        self.inputs = inputs

    def load(self) -> Splits:
        part = self.inputs, torch.zeros(len(self.inputs), dtype=torch.int64)
        return Splits(part, part, part)


def test_the_scale_of_a_feature_is_its_root_mean_square():
    assert feature_scales(Fixed(torch.tensor([[3.0, 0.0], [-4.0, 0.5]]))) == pytest.approx([12.5**0.5, 0.125**0.5])


def test_images_have_a_feature_for_each_pixel():
    assert feature_scales(Fixed(torch.full((5, 1, 2, 2), -2.0))) == [2.0] * 4


def test_token_ids_have_no_scale():
    assert list(feature_scales(Fixed(torch.ones(5, 3, dtype=torch.int64)))) == []


def test_codes_of_categories_have_no_scale():
    data = Fixed(torch.tensor([[1.0, 30.0], [1.0, 2.0]]))
    data.cardinalities = [31]
    assert feature_scales(data) == [1.0]
