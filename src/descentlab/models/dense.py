"""Dense layers with a parametrization: factors of weights and learning rates that depend on the width, and weight norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from descentlab.models.init import initialise

Parametrization = Literal["standard", "ntk", "mup", "mup_sgd"]
WeightNorm = Literal["none", "unit", "gain"]
Place = Literal["input", "hidden", "output", "only"]  # of a layer in its network; only: it is both the first and the last


class Dense(nn.Linear):
    """Dense layer with scaled or normalized weights: x (..., inputs) -> (..., outputs).

    Args:
        inputs, outputs: >= 1.
        bias: whether a bias is added.
        weight_norm: none; unit: the weights of each output are divided by their norm; gain: they are also multiplied by a
            trained gain (Salimans and Kingma, arXiv:1602.07868, eq. 2), at first the norm, which leaves the outputs unchanged.
        is_scaled: if True, inputs are divided by sqrt(inputs) and the initial weights multiplied by it (Jacot et al.,
            arXiv:1806.07572, section 3), which leaves the initial outputs unchanged.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool, weight_norm: WeightNorm, is_scaled: bool) -> None:
        super().__init__(inputs, outputs, bias)
        self.is_normalized = weight_norm != "none"
        self.gain = nn.Parameter(torch.ones(outputs)) if weight_norm == "gain" else None
        self.divisor = inputs**0.5 if is_scaled else 1.0

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight / self.weight.norm(dim=1, keepdim=True) if self.is_normalized else self.weight
        weight = weight if self.gain is None else weight * self.gain.unsqueeze(1)
        return linear(input / self.divisor, weight, self.bias)

    @torch.no_grad()
    def adapt(self) -> None:
        """Multiply the initial weights by the divisor, and set the gain to the norm of the weights.

        Raises:
            ValueError: if weights are normalized and those of an output are all zero.
        """
        self.weight *= self.divisor
        norms = self.weight.norm(dim=1)
        if self.is_normalized and not norms.all():
            raise ValueError("model.weight_norm divides weights by their norm, which is zero: choose another model.init")
        if self.gain is not None:
            self.gain.copy_(norms)


@dataclass(frozen=True)
class DenseLayers:
    """The options of all dense layers of a network, which models.mlp.MLP explains.

    Raises:
        ValueError: if options exclude each other.
    """

    init: str = "default"
    bias: bool = True
    weight_norm: WeightNorm = "none"
    parametrization: Parametrization = "standard"
    base_width: int = 64
    output_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.weight_norm != "none" and self.parametrization != "standard":
            raise ValueError(f"model.weight_norm={self.weight_norm} requires model.parametrization=standard")
        if self.weight_norm == "unit" and self.output_scale != 1.0:
            raise ValueError(f"model.output_scale={self.output_scale} has no effect with model.weight_norm=unit")

    def make(self, inputs: int, outputs: int, activation: str, place: Place) -> nn.Linear:
        """Return an initialized layer; `activation` is the one after it, and `place` its position in the network."""
        is_scaled = self.parametrization == "ntk"
        if self.weight_norm == "none" and not is_scaled:
            layer = nn.Linear(inputs, outputs, self.bias)
        else:
            layer = Dense(inputs, outputs, self.bias, self.weight_norm, is_scaled)
        initialise(layer, self.init, activation)
        if place in ("output", "only"):
            layer.weight.data *= self.output_scale
        if isinstance(layer, Dense):
            layer.adapt()
        if self.parametrization in ("mup", "mup_sgd"):
            set_mup(layer, place, self.base_width, self.parametrization == "mup_sgd")
        return layer


@torch.no_grad()
def set_mup(layer: nn.Linear, place: Place, base_width: int, is_sgd: bool) -> None:
    """Apply the maximal update parametrization of Yang et al. (arXiv:2203.03466, table 3), relative to `base_width`.

    At that width it is the standard parametrization. With r = inputs / base_width, initial weights of the output layer are
    multiplied by 1 / sqrt(r), and the learning rates of the weights of hidden layers and of the output layer by 1 / r under
    Adam; under SGD that of the output layer by 1 / r, and those of the input layer and of biases of hidden units by outputs /
    base_width. The factors are written to `layer.lr_factors`, which descentlab.optim.groups reads.
    """
    inwards, outwards = layer.in_features / base_width, layer.out_features / base_width
    if place == "output":
        layer.weight /= inwards**0.5
    own = {"output": 1 / inwards, "hidden": 1.0 if is_sgd else 1 / inwards, "input": outwards if is_sgd else 1.0, "only": 1.0}
    factors = {"weight": own[place], "bias": outwards if is_sgd and place in ("input", "hidden") else 1.0}
    found: Any = layer
    found.lr_factors = {name: factors[name] for name, _ in layer.named_parameters()}
