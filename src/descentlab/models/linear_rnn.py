"""A recurrent network without activation function."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class LinearRNN(nn.Module):
    """Recurrence h_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh: x (batch, steps, inputs) -> states (batch, steps, width).

    The second output is None, in place of torch's last states. Gradients through t steps are multiplied by the t-th power of
    W_hh (Pascanu et al., arXiv:1211.5063, section 2.1). The arguments, and the names and the distribution of the initial
    weights, are those of torch.nn.RNN.
    """

    def __init__(self, inputs: int, width: int, layers: int = 1, *, batch_first: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        assert batch_first
        self.layers = layers
        self.drop = nn.Dropout(dropout)
        for layer in range(layers):
            shapes = {"weight_ih": (width, width if layer else inputs), "weight_hh": (width, width)}
            for name, shape in {**shapes, "bias_ih": (width,), "bias_hh": (width,)}.items():
                drawn = torch.empty(shape).uniform_(-(width**-0.5), width**-0.5)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(drawn))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        for layer in range(self.layers):
            x = self._states(layer, self.drop(x) if layer else x)
        return x, None

    def _states(self, layer: int, x: Tensor) -> Tensor:
        """Return the states of a layer at all steps, (batch, steps, width)."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (getattr(self, f"{name}_l{layer}") for name in names)
        added = linear(x, w_ih, b_ih + b_hh)
        states = [added[:, 0]]
        for step in range(1, x.shape[1]):
            states.append(added[:, step] + states[-1] @ w_hh.T)
        return torch.stack(states, 1)
