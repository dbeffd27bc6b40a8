"""A variational autoencoder (Kingma and Welling, arXiv:1312.6114), with the layers of DeepOBS's fmnist_vae."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, Fraction

SLOPE = 0.3  # negative slope of the leaky ReLU


class VAE(nn.Module):
    """Images (batch, channels, height, width) -> logits of pixels, in the same shape; mean, log-variance (batch, code_size).

    Training draws codes from torch's generator; evaluation draws from a separate one with a fixed seed, so that it neither
    varies nor affects training. Departs from DeepOBS (Schneider et al., arXiv:1903.05499) in padding by 1 on each side and in
    returning logits, which tasks/elbo.py uses for a Bernoulli likelihood.

    Args:
        image_shape: channels, height and width of an image; height and width are multiples of 4.
        code_size: values of a code, >= 1.
        width: channels of each convolution, >= 1.
        dropout: the probability of dropping a value between convolutions, in [0, 1).

    Raises:
        ValueError: if height or width is not a multiple of 4.
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
        """Return the logits of pixels (batch, channels, height, width) of codes (batch, code_size)."""
        return self.decoder(code)

    def _noise(self, like: Tensor) -> Tensor:
        """Return standard normal numbers in the shape of `like`."""
        if self.training:
            return torch.randn_like(like)
        return torch.randn(like.shape, generator=torch.Generator().manual_seed(0)).to(like)
