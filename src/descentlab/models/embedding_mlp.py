"""An MLP for tables with embedded categories."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from descentlab.config.types import KeywordsOf
from descentlab.models.mlp import MLP


class EmbeddingMLP(nn.Module):
    """MLP on numbers and embedded categories: x (batch, num_features) -> (batch, num_outputs).

    The last columns of x are category codes, the others numbers.

    Args:
        num_features: the number of columns, at least that of the codes.
        num_outputs: >= 1.
        cardinalities: the number of categories of each code, >= 1; its embedding has min(50, half of that rounded up)
            dimensions.
        mlp: settings of the MLP, whose inputs are the numbers and the embeddings.
    """

    def __init__(
        self, num_features: int, num_outputs: int, cardinalities: Sequence[int], **mlp: Annotated[Any, KeywordsOf(MLP)]
    ) -> None:
        super().__init__()
        self.numbers = num_features - len(cardinalities)
        self.embed = nn.ModuleList(nn.Embedding(n, min(50, (n + 1) // 2)) for n in cardinalities)
        width = self.numbers + sum(each.embedding_dim for each in self.embed if isinstance(each, nn.Embedding))
        self.mlp = MLP(width, num_outputs, **mlp)

    def forward(self, x: Tensor) -> Tensor:
        numbers, codes = x[:, : self.numbers], x[:, self.numbers :].long()
        return self.mlp(torch.cat([numbers, *(embed(codes[:, i]) for i, embed in enumerate(self.embed))], 1))
