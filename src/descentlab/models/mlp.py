"""A feed-forward network of dense layers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from descentlab.config.types import Count, Fraction
from descentlab.models.init import Init, initialise, scale_branches

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # with torch's slope below zero, 0.01
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}
Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "identity"]
Norm = Literal["none", "batch", "layer"]
NORMS: dict[str, type[nn.BatchNorm1d] | type[nn.LayerNorm]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Block(nn.Module):
    """A dense layer, norm, activation and dropout; adds its input if `residual` is True and the widths are equal."""

    def __init__(self, inputs: int, width: int, activation: str, init: str, norm: str, dropout: float, residual: bool) -> None:
        super().__init__()
        dense = nn.Linear(inputs, width)
        initialise(dense, init, activation)
        layers = [dense, NORMS[norm](width) if norm != "none" else None, ACTIVATIONS[activation]()]
        layers.append(nn.Dropout(dropout) if dropout else None)
        self.layers = nn.Sequential(*(layer for layer in layers if layer is not None))
        self.residual = residual and inputs == width

    @property
    def end(self) -> nn.Module:
        """The norm, or without one the dense layer: what precedes the activation."""
        return self.layers[1] if isinstance(self.layers[1], tuple(NORMS.values())) else self.layers[0]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class MLP(nn.Module):
    """x (batch, ...) flattened to num_features -> hidden blocks -> (batch, num_outputs).

    Args:
        num_features: values of an example, >= 1.
        num_outputs: >= 1.
        hidden: the width of each hidden layer, >= 1; may be empty.
        activation: a key of ACTIVATIONS.
        init: see `initialise` and `scale_branches`; the branches are the blocks whose input is added.
        norm: none, batch or layer, before the activation.
        dropout: the probability of dropping a hidden unit, in [0, 1).
        residual: add the input of a block to its output where their widths are equal.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        hidden: Sequence[Count],
        activation: Activation = "relu",
        init: Init = "default",
        norm: Norm = "none",
        dropout: Fraction = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        widths = [num_features, *hidden]
        self.blocks = nn.Sequential(*(Block(n, m, activation, init, norm, dropout, residual) for n, m in pairwise(widths)))
        self.head = nn.Linear(widths[-1], num_outputs)
        initialise(self.head, init)
        scale_branches([block.end for block in self.blocks if isinstance(block, Block) and block.residual], init, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x.flatten(1)))
