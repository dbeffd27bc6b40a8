"""A residual network for small images (He et al., arXiv:1512.03385, sec. 4.2)."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import pad

from descentlab.config.types import Count, Fraction
from descentlab.models.convolution import Norm, end_of, initialise_network, make_norm
from descentlab.models.init import Init, scale_branches
from descentlab.models.mlp import ACTIVATIONS, Activation


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: the input, subsampled and padded with channels of zeros (option A).

    Args:
        inputs, outputs: channels, outputs >= inputs.
        stride: of the first convolution.
        norm: channels -> the norm after a convolution.
        activation: a key of mlp.ACTIVATIONS.
        dropout: the probability of dropping a value between the convolutions.
        residual: add the shortcut.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        norm: Callable[[int], nn.Module],
        activation: str = "relu",
        dropout: float = 0.0,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.added, self.residual = stride, outputs - inputs, residual
        self.first = normed(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), norm)
        self.second = normed(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), norm)
        self.activation, self.drop = ACTIVATIONS[activation](), nn.Dropout(dropout)

    @property
    def end(self) -> nn.Module:
        """The second norm, or without one the second convolution."""
        return end_of(self.second[0], self.second[1])

    def forward(self, x: Tensor) -> Tensor:
        inner = self.second(self.drop(self.activation(self.first(x))))
        if not self.residual:
            return self.activation(inner)
        return self.activation(inner + pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added)))


class ResNet(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs), through 6 blocks + 2 layers with weights.

    Initial weights of convolutions are those of He et al. (arXiv:1502.01852, eq. 10, by fan out).

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        blocks: number of blocks in each of the three stages, >= 1; 3 is ResNet-20.
        width: channels of the first stage, >= 1; the others have two and four times as many.
        norm: after each convolution: see `convolution`.
        activation: a key of mlp.ACTIVATIONS.
        init: default as above; for the others see `initialise` and `scale_branches`.
        dropout: the probability of dropping a value between the two convolutions of a block, in [0, 1).
        residual: False: a plain network of the same layers (He et al., section 4.1).

    Raises:
        ValueError: if the norm is unknown.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_outputs: int,
        blocks: Count = 3,
        width: Count = 16,
        norm: Norm = "batch",
        activation: Activation = "relu",
        init: Init = "default",
        dropout: Fraction = 0.0,
        residual: bool = True,
    ) -> None:
        super().__init__()
        make = partial(make_norm, norm)
        first = normed(nn.Conv2d(image_shape[0], width, 3, 1, 1, bias=False), make)
        sizes = [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        stages = [
            ResidualBlock(inputs if first else outputs, outputs, stride if first else 1, make, activation, dropout, residual)
            for inputs, outputs, stride in sizes
            for first in [True] + [False] * (blocks - 1)
        ]
        stem = nn.Sequential(*first, ACTIVATIONS[activation]())
        self.layers = nn.Sequential(stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4 * width, num_outputs)
        initialise_network(self, init, activation, he_by_outputs)
        scale_branches([stage.end for stage in stages] if residual else [], init)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x))


def normed(layer: nn.Conv2d, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    """Return a convolution without biases and its norm; if that is the identity, the convolution has biases of zero."""
    after = norm(layer.out_channels)
    if isinstance(after, nn.Identity):
        layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_channels))
    return nn.Sequential(layer, after)


def he_by_outputs(layer: nn.Conv2d | nn.Linear) -> None:
    """Set the initial weights of a convolution to those of He et al. (arXiv:1502.01852, eq. 10, by fan out)."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
