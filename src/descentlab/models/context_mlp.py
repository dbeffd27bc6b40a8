"""An MLP that predicts the next token from the embeddings of the last ones (Bengio et al. 2003)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from descentlab.config.types import Count, DataCount, KeywordsOf
from descentlab.models.mlp import MLP


class ContextMLP(nn.Module):
    """Language model: token ids (batch, steps) of any integer type -> logits (batch, steps, vocabulary) of the next token.

    At each step the embeddings of the last `context` tokens are concatenated; tokens before the first step have the embedding
    0. Source: Bengio et al. 2003, "A neural probabilistic language model", eq. 1, without direct connections.

    Args:
        vocabulary: the number of token ids, >= 1.
        context: the number of tokens that a prediction depends on, >= 1.
        embedding: the width of the vector of a token, >= 1.
        mlp: settings of the MLP.
    """

    def __init__(self, vocabulary: DataCount, context: Count, embedding: Count, **mlp: Annotated[Any, KeywordsOf(MLP)]) -> None:
        super().__init__()
        self.context = context
        self.embed = nn.Embedding(vocabulary, embedding)
        self.mlp = MLP(context * embedding, vocabulary, **mlp)

    def forward(self, ids: Tensor) -> Tensor:
        vectors = pad(self.embed(ids.long()), (0, 0, self.context - 1, 0))  # (batch, context - 1 + steps, embedding)
        # torch.vmap has no rule for the gradient of `unfold`
        windows = torch.stack([vectors[:, first : first + ids.shape[1]] for first in range(self.context)], 2)
        return self.mlp(windows.flatten(0, 1)).unflatten(0, ids.shape)
