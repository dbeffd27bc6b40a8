"""Batches of images as one PNG."""

import io

from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

SIDE = 56  # smallest width of an image in the grid, in pixels


def png(images: Tensor, columns: int) -> bytes:
    """Return a PNG with a grid of `images` (n, 1 or 3, height, width), values in [0, 1]; small images are enlarged."""
    factor = max(1, -(-SIDE // images.shape[-1]))
    large = images.detach().float().cpu().clamp(0, 1).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    grid = (make_grid(large, columns, padding=2, pad_value=1.0) * 255).round().byte()
    file = io.BytesIO()
    Image.fromarray(grid.permute(1, 2, 0).numpy()).save(file, "png")
    return file.getvalue()


def drawable(inputs: Tensor, most: int) -> Tensor:
    """Return the first `most` of `inputs`; an empty tensor unless they are images with 1 or 3 channels."""
    return inputs[:most] if inputs.ndim == 4 and inputs.shape[1] in (1, 3) else inputs[:0]
