"""A recurrent network over token ids."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, DataCount, Fraction, Positive
from descentlab.models.linear_rnn import LinearRNN

CELLS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU] | type[LinearRNN]] = {
    "rnn": nn.RNN,
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "linear": LinearRNN,
}


class Recurrent(nn.Module):
    """Recurrent network: token ids (batch, steps) of any integer type -> (batch, num_outputs), or (batch, steps, num_outputs).

    The state before the first step is zero.

    Args:
        vocabulary: the number of token ids, >= 1.
        num_outputs: number of outputs of each step with an output, >= 1.
        cell: rnn (tanh), lstm, gru, or linear, an rnn without activation function.
        width: width of the embedding and of the state, >= 1.
        layers: stacked cells, >= 1.
        output: the steps with an output: last or every.
        init_radius: the initial spectral radius of the recurrent matrices of an rnn or linear cell, > 0 (Pascanu et al.,
            arXiv:1211.5063, 2.1: below 1 gradients vanish, above they may explode); None: torch's initialization.
        dropout: the probability of dropping a value of the embedding, between layers and before the output, in [0, 1).
        init: of the recurrent matrices, before init_radius scales them: default (torch's), or orthogonal, each gate's own (Saxe
            et al., arXiv:1312.6120, section 3; all of its eigenvalues have the modulus 1).

    Raises:
        ValueError: if cell or output is unknown, or if init_radius is set for a cell with gates.
    """

    def __init__(
        self,
        vocabulary: DataCount,
        num_outputs: int,
        cell: Literal["rnn", "lstm", "gru", "linear"],
        width: Count,
        layers: Count = 1,
        output: Literal["last", "every"] = "last",
        init_radius: Positive | None = None,
        dropout: Fraction = 0.0,
        init: Literal["default", "orthogonal"] = "default",
    ) -> None:
        super().__init__()
        if cell not in CELLS or output not in ("last", "every"):
            raise ValueError(f"cell={cell}, output={output}: one of {', '.join(CELLS)}; last or every")
        if init_radius is not None and cell not in ("rnn", "linear"):
            raise ValueError(
                f"init_radius={init_radius} is for cell=rnn and linear: {cell} has gates, whose matrices have no common radius"
            )
        self.last = output == "last"
        self.embed = nn.Embedding(vocabulary, width)
        between = dropout if layers > 1 else 0.0
        self.cells = CELLS[cell](width, width, layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_outputs)
        for weight in (weight for name, weight in self.cells.named_parameters() if name.startswith("weight_hh")):
            if init == "orthogonal":
                set_orthogonal(weight)
            if init_radius is not None:
                set_radius(weight, init_radius)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.cells(self.drop(self.embed(ids.long())))
        return self.head(self.drop(states[:, -1] if self.last else states))


@torch.no_grad()
def set_radius(matrix: Tensor, radius: float) -> None:
    """Scale `matrix` in place so that its largest eigenvalue has the modulus `radius`."""
    matrix *= radius / torch.linalg.eigvals(matrix).abs().max()


@torch.no_grad()
def set_orthogonal(matrices: Tensor) -> None:
    """Set the square matrices that are stacked in `matrices`, (n width, width), to random orthogonal ones in place."""
    for matrix in matrices.split(matrices.shape[1]):
        nn.init.orthogonal_(matrix)
