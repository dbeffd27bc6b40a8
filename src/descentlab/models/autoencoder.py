"""A deep autoencoder of dense layers (Hinton and Salakhutdinov 2006)."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Count
from descentlab.models.init import Init
from descentlab.models.mlp import MLP, Activation


class Autoencoder(nn.Module):
    """x (batch, ...) -> a code (batch, code_size) -> what it stands for, of x's shape.

    Args:
        num_features: numbers in an example.
        code_size: numbers in a code.
        hidden: widths from the input to the code; the decoder has them the other way round.
        activation: a key of mlp.ACTIVATIONS, between layers.
        init: see `initialise`.
    """

    def __init__(
        self,
        num_features: int,
        code_size: Count,
        hidden: Sequence[Count],
        activation: Activation = "relu",
        init: Init = "default",
    ) -> None:
        super().__init__()
        self.code_size = code_size
        self.encoder = MLP(num_features, code_size, hidden, activation, init)
        self.decoder = MLP(code_size, num_features, hidden[::-1], activation, init)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x)).reshape(x.shape)
