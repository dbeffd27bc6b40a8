"""A decoder-only transformer that predicts the next token at every position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from descentlab.config.types import Count, DataCount, Fraction, NonNegative
from descentlab.models.init import OF_BRANCHES, Init, initialise, scale_branches
from descentlab.models.mlp import ACTIVATIONS, Activation

DEVIATION = 0.02  # standard deviation of the initial weights
BASE = 10_000.0  # base of the wavelengths of rotary position embeddings
NORMS: dict[str, type[nn.LayerNorm] | type[nn.RMSNorm]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}


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
    """Attention, then a dense network, each a residual branch. x (batch, steps, width) -> the same shape.

    Pre-normalization, x + branch(norm(x)) (Radford et al. 2019), or post-normalization, norm(x + branch(x)) (Vaswani et al.,
    arXiv:1706.03762; Xiong et al., arXiv:2002.04745, compare them).

    Args:
        attention: the attention of this block.
        width, dropout, norm, activation, residual: those of GPT.
        is_pre: True for pre-normalization.
    """

    def __init__(
        self, attention: Attention, width: int, dropout: float, norm: str, is_pre: bool, activation: str, residual: bool
    ) -> None:
        super().__init__()
        self.is_pre, self.residual = is_pre, residual
        self.norm_attention, self.norm_dense = NORMS[norm](width), NORMS[norm](width)
        self.attention = attention
        self.expand = nn.Linear(width, 4 * width)
        self.activation = nn.GELU(approximate="tanh") if activation == "gelu" else ACTIVATIONS[activation]()
        self.project = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    @property
    def ends(self) -> list[nn.Module]:
        """The last layers of the two branches."""
        return [self.attention.project, self.project]

    def forward(self, x: Tensor) -> Tensor:
        x = self._add(x, self.norm_attention, self.attention)
        return self._add(x, self.norm_dense, self._dense)

    def _dense(self, x: Tensor) -> Tensor:
        return self.project(self.activation(self.expand(x)))

    def _add(self, x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]) -> Tensor:
        added = self.drop(branch(norm(x) if self.is_pre else x))
        total = x + added if self.residual else added
        return total if self.is_pre else norm(total)


class GPT(nn.Module):
    """Transformer decoder: token ids (batch, steps) of any integer type -> logits (batch, steps, vocabulary) of the next token.

    Initial weights are drawn from N(0, 0.02^2), those at the end of a residual branch divided by sqrt(2 layers); biases are 0
    (Radford et al. 2019, section 2.3). `init`, `embedding_std` and `output_scale` change that.

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
        norm: layer, or rms (Zhang and Sennrich, arXiv:1910.07467), which subtracts no mean.
        norm_position: pre or post: see Block. Pre-normalization has one more norm, before the output layer.
        activation: a key of mlp.ACTIVATIONS, in the dense networks; gelu is its approximation by tanh, as in GPT-2.
        init: default and residual are that of GPT-2, as above; zero-last is the same with zeros at the end of a branch. The
            others apply to dense layers: see `initialise`.
        residual: False: branches replace their input instead of being added to it.
        embedding_std: the standard deviation of the initial embeddings, of tokens and of positions, >= 0.
        output_scale: the initial weights of the output layer are multiplied by it, >= 0; only if it is not tied.

    Raises:
        ValueError: if width is not such a multiple, or positions is unknown, or init is for branches and there are none, or
            output_scale is not 1 and the output layer is tied.
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
        norm: Literal["layer", "rms"] = "layer",
        norm_position: Literal["pre", "post"] = "pre",
        activation: Activation = "gelu",
        init: Init = "default",
        residual: bool = True,
        embedding_std: NonNegative = DEVIATION,
        output_scale: NonNegative = 1.0,
    ) -> None:
        super().__init__()
        if tied and output_scale != 1:
            raise ValueError(f"model.output_scale={output_scale} requires model.tied=false: the output layer is the embedding")
        if positions not in ("rope", "learned"):
            raise ValueError(f"positions={positions}: rope or learned")
        rotary, is_pre = positions == "rope", norm_position == "pre"
        if width % (heads * (1 + rotary)):
            raise ValueError(f"width={width} cannot be divided into {heads} heads of equal{' and even' * rotary} width")
        self.embed = nn.Embedding(vocabulary, width)
        self.embed_position = None if rotary else nn.Embedding(length, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(Attention(width, heads, length, rotary, qk_norm, dropout), width, dropout, norm, is_pre, activation, residual)
            for _ in range(layers)
        )
        self.norm = NORMS[norm](width) if is_pre else nn.Identity()
        self.head = None if tied else nn.Linear(width, vocabulary, bias=False)
        self._initialise(init, activation, residual, embedding_std, output_scale)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids.long())
        if self.embed_position is not None:
            x = x + self.embed_position(torch.arange(ids.shape[1], device=ids.device))
        x = self.drop(x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return linear(x, self.embed.weight) if self.head is None else self.head(x)

    def _initialise(self, scheme: str, activation: str, residual: bool, embedding_std: float, output_scale: float) -> None:
        ends = [end for block in self.blocks if isinstance(block, Block) for end in block.ends] if residual else []
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Embedding):
                nn.init.normal_(layer.weight, std=embedding_std)
            elif isinstance(layer, nn.Linear) and scheme not in ("default", *OF_BRANCHES):
                initialise(layer, scheme, activation if name.endswith("expand") else "identity")
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=DEVIATION / len(ends) ** 0.5 if layer in ends else DEVIATION)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.head is not None and output_scale != 1:
            with torch.no_grad():
                self.head.weight.mul_(output_scale)
        if scheme != "residual" or not ends:  # the ends have been scaled
            scale_branches(ends, scheme)
