"""MNIST (LeCun, Bottou, Bengio and Haffner 1998): 70,000 handwritten digits, CC BY-SA 3.0."""

from typing import Unpack

from descentlab.config.types import PositiveFraction, Seed, Share
from descentlab.data.fetch.entries.images import MNIST as ENTRY
from descentlab.data.fetch.idx import PUBLISHED, IdxData, Size
from descentlab.data.loading.scaled_images import Scaling
from descentlab.data.loading.tensors import DataProperties


class MNIST(IdxData):
    """MNIST (see IdxData) with the digits 0 to 9 as classes."""

    def __init__(
        self,
        data_dir: str,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        size: Size = PUBLISHED,
        pixels: Scaling = "unit",
        label_noise: Share = 0.0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(ENTRY, data_dir, valid_fraction, split_seed, size, pixels, label_noise, **properties)
