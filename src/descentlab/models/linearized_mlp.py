"""An MLP linearized around its initial weights."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp

from descentlab.config.types import KeywordsOf
from descentlab.models.mlp import MLP


class LinearizedMLP(nn.Module):
    """First-order Taylor expansion of an MLP f in its weights w at the initial ones w0: f(x; w0) + J(x; w0) (w - w0).

    x (batch, ...) -> (batch, num_outputs). J is the Jacobian with respect to the weights. The expansion is linear in w, has the
    outputs of the MLP at first, and is the model of its training in the limit of infinite width (Lee et al., arXiv:1902.06720,
    eq. 6). The product with J is computed by two backward passes, which, unlike torch.func.jvp, torch.vmap and FX can trace.

    Args:
        mlp: arguments of the MLP. Its `mlp` holds w, and the buffers hold w0.

    Raises:
        ValueError: if the MLP has dropout or batch normalization, whose outputs are no function of x and w alone.
    """

    def __init__(self, **mlp: Annotated[Any, KeywordsOf(MLP)]) -> None:
        super().__init__()
        for key, plain in (("dropout", 0.0), ("norm", "none")):
            if mlp.get(key, plain) not in (plain, "layer"):
                raise ValueError(f"model.{key}={mlp[key]} cannot be linearized: model.{key}={plain}")
        self.mlp = MLP(**mlp)
        for name, weight in self.mlp.named_parameters():
            self.register_buffer(_buffer(name), weight.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        weights = dict(self.mlp.named_parameters())
        initial = {name: self.get_buffer(_buffer(name)) for name in weights}
        offsets = {name: weight - initial[name] for name, weight in weights.items()}
        outputs, transposed, *_ = vjp(lambda own: functional_call(self.mlp, own, (x,)), initial)
        _, product, *_ = vjp(lambda cotangents: transposed(cotangents)[0], torch.zeros_like(outputs))  # with J
        return outputs + product(offsets)[0]


def _buffer(name: str) -> str:
    """Return the name of the buffer with the initial value of a parameter; names of buffers contain no dots."""
    return f"initial_{name.replace('.', '_')}"
