"""DeepOBS's 3c3d (Schneider et al., arXiv:1903.05499): three convolutions, three dense layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CNN3c3d(nn.Module):
    """Images (batch, channels, height, width) -> logits (batch, num_outputs).

    Conv 5x5x64, conv 3x3x96, conv 3x3x128 (SAME; the others without padding), each followed by pooling 3x3 with stride 2 that
    rounds sizes up; dense 512, 256, num_outputs; ReLU. Initial weights are those of Glorot and Bengio 2010 (eq. 16: normal for
    convolutions, uniform for dense layers), biases are zero.

    Args:
        image_shape: channels, height and width of an image, each >= 1.
        num_outputs: >= 1.
    """

    def __init__(self, image_shape: Sequence[int], num_outputs: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(image_shape[0], 64, 5),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(64, 96, 3),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(96, 128, 3, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Flatten(),
        )
        with torch.no_grad():
            flat = self.features(torch.zeros(1, *image_shape)).shape[1]
        self.head = nn.Sequential(nn.Linear(flat, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, num_outputs))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                (nn.init.xavier_normal_ if isinstance(layer, nn.Conv2d) else nn.init.xavier_uniform_)(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
