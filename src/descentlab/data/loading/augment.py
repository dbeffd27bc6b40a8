"""Random transforms of whole batches of training images, drawn independently for each image."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from descentlab.data.loading.loader import Augment


class CropFlip:
    """Pad images (batch, channels, height, width) with zeros, crop them at random, and flip each with probability 1/2.

    A padding of four pixels is the CIFAR standard (He et al., arXiv:1512.03385, sec. 4.2). Equivalent to torchvision's
    RandomCrop and RandomHorizontalFlip, which however draw once for a whole batch of tensors.

    Args:
        padding: pixels on each side.
    """

    draws = 3  # top and left of the crop, and the flip

    def __init__(self, padding: int = 4) -> None:
        self.padding = padding

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        (height, width), device = inputs.shape[-2:], inputs.device
        corners = (numbers[:, :2] * (2 * self.padding + 1)).long()  # 2 padding + 1 positions in each dimension
        rows = corners[:, :1] + torch.arange(height, device=device)  # (batch, height)
        columns = corners[:, 1:] + torch.arange(width, device=device)
        columns = torch.where(numbers[:, 2:] < 0.5, columns.flip(1), columns)
        pixels = rows[:, :, None] * (width + 2 * self.padding) + columns[:, None, :]  # indices into a padded channel
        source = pixels.flatten(1)[:, None].expand(-1, inputs.shape[1], -1)
        return pad(inputs, [self.padding] * 4).flatten(2).gather(2, source).reshape(inputs.shape)


AUGMENTS: dict[str, Augment | None] = {"none": None, "crop_flip": CropFlip()}
