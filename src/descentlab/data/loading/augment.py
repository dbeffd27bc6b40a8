"""Random changes of training images, whole batches at a time: another one for each image."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from descentlab.data.loading.loader import Augment


class CropFlip:
    """Images (batch, channels, height, width), padded by zeros, cropped to their size, mirrored every second time.

    Four pixels and a mirror are the CIFAR standard (He et al., arXiv:1512.03385, sec. 4.2). As torchvision's RandomCrop and
    RandomHorizontalFlip, which would draw once for a whole batch of tensors.

    Args:
        padding: pixels on each side.
    """

    draws = 3  # the crop's top and left, and whether it is mirrored

    def __init__(self, padding: int = 4) -> None:
        self.padding = padding

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor:
        (height, width), device = inputs.shape[-2:], inputs.device
        corners = (numbers[:, :2] * (2 * self.padding + 1)).long()  # of 2 padding + 1 places each
        rows = corners[:, :1] + torch.arange(height, device=device)  # (batch, height)
        columns = corners[:, 1:] + torch.arange(width, device=device)
        columns = torch.where(numbers[:, 2:] < 0.5, columns.flip(1), columns)
        places = rows[:, :, None] * (width + 2 * self.padding) + columns[:, None, :]  # in a padded channel
        wanted = places.flatten(1)[:, None].expand(-1, inputs.shape[1], -1)
        return pad(inputs, [self.padding] * 4).flatten(2).gather(2, wanted).reshape(inputs.shape)


AUGMENTS: dict[str, Augment | None] = {"none": None, "crop_flip": CropFlip()}
