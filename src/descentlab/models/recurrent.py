"""A recurrent network over token ids."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, DataCount, Fraction, Positive

CELLS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """Token ids (batch, steps) of any integer type -> (batch, num_outputs), or (batch, steps, num_outputs).

    The state before the first step is zero.

    Args:
        vocabulary: the number of ids.
        num_outputs: of a step that something is predicted after.
        cell: rnn (tanh), lstm or gru.
        width: of the embedding and of the state.
        layers: of cells, each fed by the one below.
        output: last or every: the steps after which something is predicted.
        init_radius: the spectral radius that the recurrent matrices of an rnn start with (Pascanu et al., arXiv:1211.5063, 2.1:
            below 1 gradients vanish for certain, above they may explode); None: as torch draws them.
        dropout: of the embedding, between layers and before the output.

    Raises:
        ValueError: no such cell or output, or an init_radius for gates.
    """

    def __init__(
        self,
        vocabulary: DataCount,
        num_outputs: int,
        cell: Literal["rnn", "lstm", "gru"],
        width: Count,
        layers: Count = 1,
        output: Literal["last", "every"] = "last",
        init_radius: Positive | None = None,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS or output not in ("last", "every"):
            raise ValueError(f"cell={cell}, output={output}: one of {', '.join(CELLS)}; last or every")
        if init_radius is not None and cell != "rnn":
            raise ValueError(f"init_radius={init_radius} is for cell=rnn: {cell} has gates, whose matrices have no one radius")
        self.last = output == "last"
        self.embed = nn.Embedding(vocabulary, width)
        between = dropout if layers > 1 else 0.0
        self.cells = CELLS[cell](width, width, layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, num_outputs)
        if init_radius is not None:
            for name, weight in self.cells.named_parameters():
                if name.startswith("weight_hh"):
                    set_radius(weight, init_radius)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.cells(self.drop(self.embed(ids.long())))
        return self.head(self.drop(states[:, -1] if self.last else states))


@torch.no_grad()
def set_radius(matrix: Tensor, radius: float) -> None:
    """Scale `matrix` in place so that its largest eigenvalue has the modulus `radius`."""
    matrix *= radius / torch.linalg.eigvals(matrix).abs().max()
