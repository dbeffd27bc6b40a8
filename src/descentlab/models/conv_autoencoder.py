"""A convolutional autoencoder for small images (after Masci et al. 2011, with strides instead of pooling)."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Count


class ConvAutoencoder(nn.Module):
    """Images (batch, channels, height, width) -> a code (batch, code_size) -> images of the same shape.

    Two convolutions 4x4 of stride 2 with `width` and twice as many channels, a dense layer, and the same in reverse; ReLU.

    Args:
        image_shape: channels, height and width of an image; height and width are multiples of 4.
        code_size: values of a code, >= 1.
        width: channels of the first convolution, >= 1.

    Raises:
        ValueError: if height or width is not a multiple of 4.
    """

    def __init__(self, image_shape: Sequence[int], code_size: Count, width: Count = 16) -> None:
        super().__init__()
        channels, rows, columns = image_shape
        if rows % 4 or columns % 4:
            raise ValueError(f"images of {rows} x {columns} pixels cannot be halved twice")
        self.code_size = code_size
        small = (2 * width, rows // 4, columns // 4)
        flat = small[0] * small[1] * small[2]
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(flat, code_size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code_size, flat),
            nn.ReLU(),
            nn.Unflatten(1, small),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))
