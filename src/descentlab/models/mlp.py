"""A feed-forward network of dense layers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from descentlab.config.types import Count, Fraction, NonNegative
from descentlab.models.dense import DenseLayers, Parametrization, WeightNorm
from descentlab.models.init import Init, scale_branches

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

    def __init__(self, dense: nn.Linear, activation: str, norm: str, dropout: float, residual: bool) -> None:
        super().__init__()
        inputs, width = dense.in_features, dense.out_features
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
        bias: whether dense layers have a bias.
        weight_norm: see models.dense.Dense; also of the output layer.
        parametrization: standard; ntk: see models.dense.Dense; mup for optimizers whose updates do not depend on the scale of
            gradients, such as Adam, and mup_sgd for SGD with or without momentum: see models.dense.set_mup.
        base_width: the width at which mup and mup_sgd equal standard, >= 1.
        output_scale: the initial weights of the output layer are multiplied by it, >= 0.

    Raises:
        ValueError: if options exclude each other.
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
        bias: bool = True,
        weight_norm: WeightNorm = "none",
        parametrization: Parametrization = "standard",
        base_width: Count = 64,
        output_scale: NonNegative = 1.0,
    ) -> None:
        super().__init__()
        if norm != "none" and parametrization == "mup_sgd":
            raise ValueError(f"model.parametrization=mup_sgd requires model.norm=none, not {norm}")
        dense = DenseLayers(init, bias, weight_norm, parametrization, base_width, output_scale)
        widths = [num_features, *hidden]
        pairs = enumerate(pairwise(widths))
        layers = (dense.make(n, m, activation, "hidden" if place else "input") for place, (n, m) in pairs)
        self.blocks = nn.Sequential(*(Block(layer, activation, norm, dropout, residual) for layer in layers))
        self.head = dense.make(widths[-1], num_outputs, "identity", "output" if hidden else "only")
        scale_branches([block.end for block in self.blocks if isinstance(block, Block) and block.residual], init, activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x.flatten(1)))
