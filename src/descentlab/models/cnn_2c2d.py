"""DeepOBS's 2c2d (Schneider et al., arXiv:1903.05499): two convolutions, two dense layers."""

from collections.abc import Sequence

from torch import Tensor, nn


class CNN2c2d(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs).

    Conv 5x5x32, pool 2, conv 5x5x64, pool 2, dense 1024, dense num_outputs; ReLU; SAME padding, so that pooling rounds sizes
    up. Initial weights are normal with standard deviation 0.05, truncated at two deviations; biases are 0.05.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
    """

    def __init__(self, image_shape: Sequence[int], num_outputs: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        flat = 64 * _pooled_twice(height) * _pooled_twice(width)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 32, 5, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(32, 64, 5, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(flat, 1024),
            nn.ReLU(),
            nn.Linear(1024, num_outputs),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                assert layer.bias is not None
                nn.init.trunc_normal_(layer.weight, std=0.05, a=-0.1, b=0.1)
                nn.init.constant_(layer.bias, 0.05)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _pooled_twice(size: int) -> int:
    return -(-size // 4)
