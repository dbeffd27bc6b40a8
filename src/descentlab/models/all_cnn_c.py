"""The all convolutional net C (Springenberg et al., arXiv:1412.6806, table 1), as in DeepOBS (arXiv:1903.05499)."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Fraction

# Channels, filter size, stride, padding; 0 channels means num_outputs.
LAYERS = ((96, 3, 1, 1), (96, 3, 1, 1), (96, 3, 2, 1), (192, 3, 1, 1), (192, 3, 1, 1), (192, 3, 2, 1))
LAYERS += ((192, 3, 1, 0), (192, 1, 1, 0), (0, 1, 1, 0))


class AllCNNC(nn.Module):
    """All-CNN-C: nine convolutions with ReLU, then a mean over the positions.

    It maps images (batch, channels, height, width) to logits (batch, num_outputs).

    The paper does not specify the initialization: uniform weights of Glorot and Bengio (2010, eq. 16) and biases of 0.1 are
    those of DeepOBS.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        input_dropout: the probability of dropping a value of an image, in [0, 1).
        dropout: the probability of dropping a value after a convolution of stride 2, in [0, 1).
    """

    def __init__(
        self, image_shape: Sequence[int], num_outputs: int, input_dropout: Fraction = 0.2, dropout: Fraction = 0.5
    ) -> None:
        super().__init__()
        channels, layers = image_shape[0], [nn.Dropout(input_dropout)]
        for width, size, stride, padding in LAYERS:
            convolution = nn.Conv2d(channels, width or num_outputs, size, stride, padding)
            nn.init.xavier_uniform_(convolution.weight)
            assert convolution.bias is not None
            nn.init.constant_(convolution.bias, 0.1)
            layers += [convolution, nn.ReLU()] + ([nn.Dropout(dropout)] if stride == 2 else [])
            channels = width
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))
