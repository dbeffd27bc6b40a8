"""A residual network for small images (He et al., arXiv:1512.03385, sec. 4.2)."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import pad, relu

from descentlab.config.types import Count
from descentlab.models.mlp import Norm

GROUPS = 8  # number of groups in group normalization; fewer channels are normalized individually
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(min(GROUPS, channels), channels),
}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: the input, subsampled and padded with channels of zeros (option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), norm(outputs))
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return relu(self.second(relu(self.first(x))) + shortcut)


class ResNet(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs), through 6 blocks + 2 layers with weights.

    Initial weights of convolutions are those of He et al. (arXiv:1502.01852, eq. 10, by fan out).

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        blocks: number of blocks in each of the three stages, >= 1; 3 is ResNet-20.
        width: channels of the first stage, >= 1; the others have two and four times as many.
        norm: batch, or group (Wu and He, arXiv:1803.08494), which has no running statistics.

    Raises:
        ValueError: if the norm is unknown.
    """

    def __init__(
        self, image_shape: Sequence[int], num_outputs: int, blocks: Count = 3, width: Count = 16, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"model.norm={norm}: it is batch or group")
        make = NORMS[norm]
        stem = nn.Sequential(nn.Conv2d(image_shape[0], width, 3, 1, 1, bias=False), make(width), nn.ReLU())
        sizes = [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        stages = [
            ResidualBlock(inputs if first else outputs, outputs, stride if first else 1, make)
            for inputs, outputs, stride in sizes
            for first in [True] + [False] * (blocks - 1)
        ]
        self.layers = nn.Sequential(stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4 * width, num_outputs)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x))
