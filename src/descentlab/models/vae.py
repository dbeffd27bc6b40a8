"""A variational autoencoder (Kingma and Welling, arXiv:1312.6114), with the layers of DeepOBS's fmnist_vae."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, Fraction

SLOPE = 0.3  # of the leaky ReLU


class VAE(nn.Module):
    """Images (batch, channels, height, width) -> logits of pixels of that shape; mean, log-variance (batch, code_size).

    Training draws a code from torch's generator; evaluation draws from one of its own, always the same numbers, so that it
    neither varies nor disturbs training. Departs from DeepOBS (Schneider et al., arXiv:1903.05499) in padding by 1 on each
    side and in giving logits, which tasks/elbo.py takes for a Bernoulli's.

    Args:
        code_size: numbers in a code.
        width: channels of each convolution.
        dropout: the probability that a value between convolutions is dropped.

    Raises:
        ValueError: height or width is not a multiple of 4.
    """

    def __init__(self, image_shape: Sequence[int], code_size: Count = 8, width: Count = 64, dropout: Fraction = 0.2) -> None:
        super().__init__()
        channels, rows, columns = image_shape
        if rows % 4 or columns % 4:
            raise ValueError(f"images of {rows} x {columns} pixels cannot be halved twice")
        self.code_size, small = code_size, (rows // 4, columns // 4)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Conv2d(width, width, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.ZeroPad2d((1, 2, 1, 2)),
            nn.Conv2d(width, width, 4),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(width * small[0] * small[1], 2 * code_size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code_size, 24),
            nn.LeakyReLU(SLOPE),
            nn.Linear(24, small[0] * small[1]),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (1, *small)),
            nn.ConvTranspose2d(1, width, 4, 2, 1),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.ZeroPad2d((1, 2, 1, 2)),
            nn.Conv2d(width, width, 4),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.ZeroPad2d((1, 2, 1, 2)),
            nn.Conv2d(width, width, 4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(width * 4 * small[0] * small[1], channels * rows * columns),
            nn.Unflatten(1, (channels, rows, columns)),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        code = mean + (0.5 * log_variance).exp() * self._noise(mean)
        return self.decode(code), mean, log_variance

    def decode(self, code: Tensor) -> Tensor:
        """Codes (batch, code_size) -> logits of pixels (batch, channels, height, width)."""
        return self.decoder(code)

    def _noise(self, like: Tensor) -> Tensor:
        """Standard normal numbers of `like`'s shape."""
        if self.training:
            return torch.randn_like(like)
        return torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).to(like)
