"""A small convolutional net that maps faces to unit vectors, trained so that images of a person are close together."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from descentlab.config.types import Count, Fraction


class FaceCNN(nn.Module):
    """Images (batch, channels, height, width) -> (batch, dimensions + num_classes): an embedding of length 1, and cosines.

    Four times: 3 x 3 convolution, group normalisation, ReLU, max-pooling by 2; then dropout, a dense layer and batch
    normalisation, as in Deng et al. (arXiv:1801.07698, section 3.1): without batch normalisation, all initial embeddings would
    be nearly equal. The cosines are those of the angles to the centre of each class, a learned vector; without classes there
    are none.

    Args:
        image_shape: channels, height and width of an image; height and width >= 16.
        num_classes: people with a centre, >= 0.
        width: channels after the first convolution, doubled twice; a multiple of 8, the number of normalization groups.
        dimensions: number of dimensions of the embedding, >= 1.
        dropout: the probability of dropping a feature before the dense layer, in [0, 1).
    """

    def __init__(
        self, image_shape: Sequence[int], num_classes: int, width: Count, dimensions: Count, dropout: Fraction
    ) -> None:
        super().__init__()
        channels, *sides = image_shape
        self.num_classes = num_classes
        widths = [channels, width, 2 * width, 4 * width, 4 * width]
        blocks = [_block(n, m) for n, m in pairwise(widths)]
        flat = widths[-1] * math.prod(side >> len(blocks) for side in sides)
        self.features = nn.Sequential(*blocks, nn.Flatten(), nn.Dropout(dropout))
        self.embed = nn.Sequential(nn.Linear(flat, dimensions, bias=False), nn.BatchNorm1d(dimensions, affine=False))
        if num_classes:
            self.centres = nn.Parameter(torch.randn(num_classes, dimensions))

    def forward(self, x: Tensor) -> Tensor:
        embedding = normalize(self.embed(self.features(x)), dim=1)
        if not self.num_classes:
            return embedding
        return torch.cat([embedding, linear(embedding, normalize(self.centres, dim=1))], 1)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs), nn.ReLU(), nn.MaxPool2d(2)
    )
