"""DeepOBS's 2c2d (Schneider et al., arXiv:1903.05499): two convolutions, two dense layers."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Fraction
from descentlab.models.convolution import Norm, convolution, initialise_network, scale_shortcuts
from descentlab.models.init import Init
from descentlab.models.mlp import ACTIVATIONS, Activation


class CNN2c2d(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs).

    Conv 5x5x32, pool 2, conv 5x5x64, pool 2, dense 1024, dense num_outputs; ReLU; SAME padding, so that pooling rounds sizes
    up. Initial weights are normal with standard deviation 0.05, truncated at two deviations; biases are 0.05. DeepOBS has
    neither norms nor dropout nor shortcuts.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        activation: a key of mlp.ACTIVATIONS.
        init: default is DeepOBS's; for the others see `initialise` and `scale_branches`.
        norm: of the convolutions, before the activation: see `convolution`.
        dropout: the probability of dropping a unit of the first dense layer, in [0, 1).
        residual: add the inputs of the convolutions to their outputs: see `Shortcut`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_outputs: int,
        activation: Activation = "relu",
        init: Init = "default",
        norm: Norm = "none",
        dropout: Fraction = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        flat = 64 * _pooled_twice(height) * _pooled_twice(width)
        self.layers = nn.Sequential(
            *convolution(nn.Conv2d(channels, 32, 5, padding="same"), norm, activation, residual),
            nn.MaxPool2d(2, ceil_mode=True),
            *convolution(nn.Conv2d(32, 64, 5, padding="same"), norm, activation, residual),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(flat, 1024),
            ACTIVATIONS[activation](),
            *([nn.Dropout(dropout)] if dropout else []),
            nn.Linear(1024, num_outputs),
        )
        initialise_network(self, init, activation, _truncated_normal)
        scale_shortcuts(self, init, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _truncated_normal(layer: nn.Conv2d | nn.Linear) -> None:
    assert layer.bias is not None
    nn.init.trunc_normal_(layer.weight, std=0.05, a=-0.1, b=0.1)
    nn.init.constant_(layer.bias, 0.05)


def _pooled_twice(size: int) -> int:
    return -(-size // 4)
