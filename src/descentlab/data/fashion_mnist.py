"""Fashion-MNIST (Xiao et al., arXiv:1708.07747): 70,000 images of clothing, MIT licence."""

from typing import Unpack

from descentlab.config.types import PositiveFraction, Seed, Share
from descentlab.data.fetch.entries.images import FASHION_MNIST
from descentlab.data.fetch.idx import PUBLISHED, IdxData, Size
from descentlab.data.loading.scaled_images import Scaling
from descentlab.data.loading.tensors import DataProperties


class FashionMNIST(IdxData):
    """Fashion-MNIST (see IdxData) with classes 0 to 9, from T-shirt to ankle boot."""

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
        super().__init__(FASHION_MNIST, data_dir, valid_fraction, split_seed, size, pixels, label_noise, **properties)
