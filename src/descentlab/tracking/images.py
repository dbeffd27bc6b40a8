"""Batches of images as one picture to look at."""

import io

from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

SIDE = 56  # pixels of an image in a picture, at least


def png(images: Tensor, columns: int) -> bytes:
    """A PNG of `images` (n, 1 or 3, height, width), values in [0, 1], in rows of `columns`; small ones enlarged."""
    factor = max(1, -(-SIDE // images.shape[-1]))
    large = images.detach().float().cpu().clamp(0, 1).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    grid = (make_grid(large, columns, padding=2, pad_value=1.0) * 255).round().byte()
    file = io.BytesIO()
    Image.fromarray(grid.permute(1, 2, 0).numpy()).save(file, "png")
    return file.getvalue()


def drawable(inputs: Tensor, most: int) -> Tensor:
    """The first `most` of `inputs`; none of them where they are no images of 1 or 3 channels."""
    return inputs[:most] if inputs.ndim == 4 and inputs.shape[1] in (1, 3) else inputs[:0]
