"""A single affine layer."""

from torch import Tensor, nn

from descentlab.models.init import LayerInit, initialise


class Linear(nn.Module):
    """x (batch, ...) flattened to num_features -> (batch, num_outputs), without a link function.

    Args:
        num_features: values of an example, >= 1.
        num_outputs: >= 1.
        init: see `initialise`.
        bias: False: a linear map without an offset.
    """

    def __init__(self, num_features: int, num_outputs: int, init: LayerInit = "zeros", bias: bool = True) -> None:
        super().__init__()
        self.affine = nn.Linear(num_features, num_outputs, bias)
        initialise(self.affine, init)

    def forward(self, x: Tensor) -> Tensor:
        return self.affine(x.flatten(1))
