"""A wide residual network (Zagoruyko and Komodakis, arXiv:1605.07146)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from descentlab.config.types import Count, Fraction


class WideBlock(nn.Module):
    """Twice normalization, activation and convolution, plus a shortcut, which is a 1x1 convolution if the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs or stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        ready = self.before(x)
        return self.inner(ready) + (x if self.shortcut is None else self.shortcut(ready))


class WideResNet(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs): WRN-depth-widen; DeepOBS uses WRN-16-4.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        depth: 6 n + 4 layers with weights, n >= 1.
        widen: the factor of 16, 32 and 64 channels, >= 1.
        dropout: the probability of dropping a value between the two convolutions of a block, in [0, 1).

    Raises:
        ValueError: if depth is not 6 n + 4.
    """

    def __init__(
        self, image_shape: Sequence[int], num_outputs: int, depth: Count = 16, widen: Count = 4, dropout: Fraction = 0.0
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 4, 6)
        if rest or blocks < 1:
            raise ValueError(f"model.depth={depth}: a wide ResNet has 6 n + 4 layers: 10, 16, 22, 28, 40")
        layers: list[nn.Module] = [nn.Conv2d(image_shape[0], 16, 3, 1, 1, bias=False)]
        channels = 16
        for outputs, stride in ((16 * widen, 1), (32 * widen, 2), (64 * widen, 2)):
            for index in range(blocks):
                layers.append(WideBlock(channels, outputs, stride if index == 0 else 1, dropout))
                channels = outputs
        self.layers = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, num_outputs)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(relu(self.norm(self.layers(x))).mean((2, 3)))
