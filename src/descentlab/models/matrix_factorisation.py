"""Matrix factorisation with biases (Koren, Bell and Volinsky, Computer 42(8), 2009)."""

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, NonNegative


class MatrixFactorisation(nn.Module):
    """x (rows, 1 + items), int64: a user and items -> b_u + b_i + p_u . q_i of each, (rows, items); eq. 4 of the paper.

    The mean rating mu of the paper is not in the model: the data subtract it from the targets, and no order depends on it.

    Args:
        num_users, num_items: >= 1; ids count from 0.
        dimensions: number of dimensions of p and q, >= 1.
        init_std: the standard deviation of the initial p and q, which are normal; >= 0. Initial biases are 0.
        sparse: use sparse gradients, with the rows of the batch only, for torch.optim.SparseAdam, SGD and Adagrad.
    """

    def __init__(
        self, num_users: int, num_items: int, dimensions: Count, init_std: NonNegative = 0.01, sparse: bool = False
    ) -> None:
        super().__init__()
        self.user, self.item = (nn.Embedding(n, dimensions, sparse=sparse) for n in (num_users, num_items))
        self.user_bias, self.item_bias = (nn.Embedding(n, 1, sparse=sparse) for n in (num_users, num_items))
        for embedding in (self.user, self.item):
            nn.init.normal_(embedding.weight, std=init_std)
        for bias in (self.user_bias, self.item_bias):
            nn.init.zeros_(bias.weight)

    def forward(self, x: Tensor) -> Tensor:
        users, items = x[:, 0], x[:, 1:]
        match = torch.einsum("rd,rid->ri", self.user(users), self.item(items))
        return self.user_bias(users) + self.item_bias(items).squeeze(2) + match
