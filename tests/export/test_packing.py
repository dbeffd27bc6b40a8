"""Which reader an exported script has for its data."""

import pytest

from descentlab.data.fashion_mnist import FashionMNIST
from descentlab.export.packing import reader


@pytest.mark.parametrize(
    ("options", "module"),
    [
        ({}, "idx_data"),
        ({"limit": 100}, "packed_data"),
        ({"size": 14}, "packed_data"),
        ({"pixels": "centred"}, "packed_data"),
        ({"label_noise": 0.1}, "packed_data"),
    ],
)
def test_published_images_are_read_from_their_files_and_changed_ones_are_packed(options, module):
    assert reader(FashionMNIST("data", 0.1, **options), pack=False) == module
