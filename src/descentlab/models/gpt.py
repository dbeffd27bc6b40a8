"""A decoder-only transformer that predicts the next token at every position."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from descentlab.config.types import Count, DataCount, Fraction

DEVIATION = 0.02  # standard deviation of the initial weights
BASE = 10_000.0  # base of the wavelengths of rotary position embeddings


class Rotary(nn.Module):
    """Rotary position embedding (Su et al., arXiv:2104.09864, eq. 34); component i is paired with i + width / 2, not i + 1.

    Rotates queries or keys (batch, heads, steps, width), so that their product depends only on the distance of their steps.

    Args:
        width: the width of a head, even.
        length: the largest number of steps.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        frequencies = BASE ** -(torch.arange(0, width, 2) / width)
        angles = torch.outer(torch.arange(length), torch.cat([frequencies, frequencies]))  # (length, width)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[-2]
        first, second = x.chunk(2, dim=-1)
        return x * self.cos[:steps] + torch.cat([-second, first], dim=-1) * self.sin[:steps]


class Attention(nn.Module):
    """Multi-head self-attention: each step attends to itself and earlier ones. x (batch, steps, width) -> the same shape.

    The arguments are those of GPT.
    """

    def __init__(self, width: int, heads: int, length: int, rotary: bool, qk_norm: bool, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.inputs = nn.Linear(width, 3 * width)  # queries, keys and values
        self.project = nn.Linear(width, width)
        self.rotary = Rotary(width // heads, length) if rotary else nn.Identity()
        self.norm_q = nn.RMSNorm(width // heads) if qk_norm else nn.Identity()
        self.norm_k = nn.RMSNorm(width // heads) if qk_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.inputs(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys = self.rotary(self.norm_q(queries)), self.rotary(self.norm_k(keys))
        dropout = self.dropout if self.training else 0.0
        seen = scaled_dot_product_attention(queries, keys, values, dropout_p=dropout, is_causal=True)
        return self.project(seen.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """x + attention(norm(x)), then x + dense(norm(x)): pre-normalization (Radford et al. 2019). Arguments as in GPT."""

    def __init__(self, width: int, heads: int, length: int, rotary: bool, qk_norm: bool, dropout: float) -> None:
        super().__init__()
        self.norm_attention, self.norm_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, length, rotary, qk_norm, dropout)
        self.expand = nn.Linear(width, 4 * width)
        self.activation = nn.GELU(approximate="tanh")
        self.project = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm_attention(x)))
        return x + self.drop(self.project(self.activation(self.expand(self.norm_dense(x)))))


class GPT(nn.Module):
    """Transformer decoder: token ids (batch, steps) of any integer type -> logits (batch, steps, vocabulary) of the next token.

    Initial weights are drawn from N(0, 0.02^2), those at the end of a residual branch divided by sqrt(2 layers); biases are 0
    (Radford et al. 2019, section 2.3).

    Args:
        vocabulary: the number of token ids, >= 1.
        length: the largest number of steps, >= 1.
        width: the width of the vector of a token, a multiple of heads; of 2 heads for rope.
        layers: blocks of attention and a dense network, >= 1.
        heads: number of attention heads, >= 1; each has width / heads dimensions.
        positions: rope (see Rotary) or learned.
        qk_norm: divide queries and keys by their root mean square (Henry et al., arXiv:2010.04245, with a learned gain).
        tied: use the embedding as the output layer (Press and Wolf, arXiv:1608.05859).
        dropout: the probability of dropping a value of embeddings, attention weights and residual branches, in [0, 1).

    Raises:
        ValueError: if width is not such a multiple, or positions is unknown.
    """

    def __init__(
        self,
        vocabulary: DataCount,
        length: Count,
        width: Count,
        layers: Count,
        heads: Count,
        positions: Literal["rope", "learned"] = "rope",
        qk_norm: bool = False,
        tied: bool = True,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if positions not in ("rope", "learned"):
            raise ValueError(f"positions={positions}: rope or learned")
        rotary = positions == "rope"
        if width % (heads * (1 + rotary)):
            raise ValueError(f"width={width} cannot be divided into {heads} heads of equal{' and even' * rotary} width")
        self.embed = nn.Embedding(vocabulary, width)
        self.embed_position = None if rotary else nn.Embedding(length, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, length, rotary, qk_norm, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = None if tied else nn.Linear(width, vocabulary, bias=False)
        self._initialise(layers)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids.long())
        if self.embed_position is not None:
            x = x + self.embed_position(torch.arange(ids.shape[1], device=ids.device))
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return linear(x, self.embed.weight) if self.head is None else self.head(x)

    def _initialise(self, layers: int) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                ends_branch = name.endswith("project.weight")
                nn.init.normal_(parameter, std=DEVIATION / (2 * layers) ** 0.5 if ends_branch else DEVIATION)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
