"""The all convolutional net C (Springenberg et al., arXiv:1412.6806, table 1), as in DeepOBS (arXiv:1903.05499)."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Fraction
from descentlab.models.convolution import Norm, convolution, initialise_layer, scale_shortcuts
from descentlab.models.init import Init
from descentlab.models.mlp import Activation

# Channels, filter size, stride, padding; 0 channels means num_outputs.
LAYERS = ((96, 3, 1, 1), (96, 3, 1, 1), (96, 3, 2, 1), (192, 3, 1, 1), (192, 3, 1, 1), (192, 3, 2, 1))
LAYERS += ((192, 3, 1, 0), (192, 1, 1, 0), (0, 1, 1, 0))


class AllCNNC(nn.Module):
    """All-CNN-C: nine convolutions with ReLU, then a mean over the positions.

    It maps images (batch, channels, height, width) to logits (batch, num_outputs).

    The paper does not specify the initialization: uniform weights of Glorot and Bengio (2010, eq. 16) and biases of 0.1 are
    those of DeepOBS. The paper has neither norms nor shortcuts.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        input_dropout: the probability of dropping a value of an image, in [0, 1).
        dropout: the probability of dropping a value after a convolution of stride 2, in [0, 1).
        activation: a key of mlp.ACTIVATIONS, after every convolution, also the last.
        init: default is DeepOBS's; for the others see `initialise` and `scale_branches`.
        norm: of all convolutions but the last, before the activation: see `convolution`.
        residual: add the inputs of the convolutions that keep their size, but not of the last, to their outputs: see
            `Shortcut`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        num_outputs: int,
        input_dropout: Fraction = 0.2,
        dropout: Fraction = 0.5,
        activation: Activation = "relu",
        init: Init = "default",
        norm: Norm = "none",
        residual: bool = False,
    ) -> None:
        super().__init__()
        channels = image_shape[0]
        layers: list[nn.Module] = [nn.Dropout(input_dropout)]
        for width, size, stride, padding in LAYERS:
            layer = nn.Conv2d(channels, width or num_outputs, size, stride, padding)
            initialise_layer(layer, init, activation if width else "identity", _glorot)
            layers += convolution(layer, norm if width else "none", activation, residual and width > 0)
            layers += [nn.Dropout(dropout)] if stride == 2 else []
            channels = width
        self.layers = nn.Sequential(*layers)
        scale_shortcuts(self, init, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


def _glorot(layer: nn.Conv2d | nn.Linear) -> None:
    assert layer.bias is not None
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, 0.1)
