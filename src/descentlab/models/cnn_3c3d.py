"""DeepOBS's 3c3d (Schneider et al., arXiv:1903.05499): three convolutions, three dense layers."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from descentlab.config.types import Fraction
from descentlab.models.convolution import Norm, convolution, initialise_network, scale_shortcuts
from descentlab.models.init import Init
from descentlab.models.mlp import ACTIVATIONS, Activation


class CNN3c3d(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs).

    Conv 5x5x64, conv 3x3x96, conv 3x3x128 (SAME; the others without padding), each followed by pooling 3x3 with stride 2 that
    rounds sizes up; dense 512, 256, num_outputs; ReLU. Initial weights are those of Glorot and Bengio 2010 (eq. 16: normal for
    convolutions, uniform for dense layers), biases are zero. DeepOBS has neither norms nor dropout nor shortcuts.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
        activation: a key of mlp.ACTIVATIONS.
        init: default is DeepOBS's; for the others see `initialise` and `scale_branches`.
        norm: of the convolutions, before the activation: see `convolution`.
        dropout: the probability of dropping a hidden unit of the dense layers, in [0, 1).
        residual: add the input of the last convolution, the one that keeps its size, to its output: see `Shortcut`.
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
        self.features = nn.Sequential(
            *convolution(nn.Conv2d(image_shape[0], 64, 5), norm, activation, residual),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            *convolution(nn.Conv2d(64, 96, 3), norm, activation, residual),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            *convolution(nn.Conv2d(96, 128, 3, padding="same"), norm, activation, residual),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Flatten(),
        )
        self.features.eval()  # running statistics must not see the zeros
        with torch.no_grad():
            flat = self.features(torch.zeros(1, *image_shape)).shape[1]
        self.features.train()
        after = [ACTIVATIONS[activation], *([partial(nn.Dropout, dropout)] if dropout else [])]
        hidden = [[nn.Linear(n, m), *(make() for make in after)] for n, m in ((flat, 512), (512, 256))]
        self.head = nn.Sequential(*hidden[0], *hidden[1], nn.Linear(256, num_outputs))
        initialise_network(self, init, activation, _glorot)
        scale_shortcuts(self, init, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def _glorot(layer: nn.Conv2d | nn.Linear) -> None:
    assert layer.bias is not None
    (nn.init.xavier_normal_ if isinstance(layer, nn.Conv2d) else nn.init.xavier_uniform_)(layer.weight)
    nn.init.zeros_(layer.bias)
