"""A deep autoencoder of dense layers (Hinton and Salakhutdinov 2006)."""

from collections.abc import Sequence

from torch import Tensor, nn

from descentlab.config.types import Count
from descentlab.models.init import LayerInit
from descentlab.models.mlp import MLP, Activation


class Autoencoder(nn.Module):
    """x (batch, ...) -> a code (batch, code_size) -> a reconstruction in the shape of x.

    Args:
        num_features: values of an example, >= 1.
        code_size: values of a code, >= 1.
        hidden: the width of each layer from the input to the code, each >= 1; the decoder has them in reverse order.
        activation: a key of mlp.ACTIVATIONS, between layers.
        init: see `initialise`.
    """

    def __init__(
        self,
        num_features: int,
        code_size: Count,
        hidden: Sequence[Count],
        activation: Activation = "relu",
        init: LayerInit = "default",
    ) -> None:
        super().__init__()
        self.code_size = code_size
        self.encoder = MLP(num_features, code_size, hidden, activation, init)
        self.decoder = MLP(code_size, num_features, hidden[::-1], activation, init)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x)).reshape(x.shape)
