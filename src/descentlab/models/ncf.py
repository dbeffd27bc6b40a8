"""Neural collaborative filtering: NeuMF (He et al., arXiv:1708.05031)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, Fraction, NonNegative
from descentlab.models.mlp import MLP, Activation


class NCF(nn.Module):
    """Neural collaborative filtering: x (rows, 1 + items), int64, a user and items -> scores (rows, items).

    A score is the logit of eq. 12 of the paper.

    The score is the sum of a weighted product of two embeddings, and of an MLP of the concatenation of two others.

    Args:
        num_users, num_items: >= 1; ids count from 0.
        dimensions: number of dimensions of each embedding, >= 1.
        hidden: the width of each hidden layer of the MLP, >= 1.
        activation: a key of mlp.ACTIVATIONS.
        dropout: the probability of dropping a hidden unit of the MLP, in [0, 1).
        init_std: the standard deviation of the initial embeddings, which are normal; >= 0.
        sparse: use sparse gradients for embeddings, with the rows of the batch only; the other weights then require a
            separate optimizer.
    """

    def __init__(
        self,
        num_users: int,
        num_items: int,
        dimensions: Count,
        hidden: Sequence[Count],
        activation: Activation = "relu",
        dropout: Fraction = 0.0,
        init_std: NonNegative = 0.01,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.embed_user, self.embed_item = (nn.Embedding(n, 2 * dimensions, sparse=sparse) for n in (num_users, num_items))
        for embedding in (self.embed_user, self.embed_item):
            nn.init.normal_(embedding.weight, std=init_std)
        self.weigh = nn.Linear(dimensions, 1, bias=False)
        self.mlp = MLP(2 * dimensions, 1, hidden, activation, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        items = self.embed_item(x[:, 1:])
        users = self.embed_user(x[:, :1]).expand_as(items)
        (product_user, mlp_user), (product_item, mlp_item) = users.chunk(2, 2), items.chunk(2, 2)
        both = torch.cat([mlp_user, mlp_item], 2)
        return self.weigh(product_user * product_item).squeeze(2) + self.mlp(both.flatten(0, 1)).view(both.shape[:2])
