"""The models, losses and optimizers of the hand-written loops, in plain torch; `model` of a specification describes them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, linear, scaled_dot_product_attention

Loss = Callable[[Tensor, Tensor], Tensor]
KERNELS: dict[str, dict[str, Any]] = {"plain": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def make(spec: dict[str, Any], kernel: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the model of `spec`, on its device, and its Adam."""
    torch.manual_seed(spec["seed"])
    kinds: dict[str, Callable[..., nn.Module]] = {"dense": dense, "2c2d": two_convolutions, "gpt": GPT}
    model = kinds[spec["kind"]](**spec["model"]).to(spec["device"])
    return model, torch.optim.Adam(model.parameters(), lr=spec["lr"], **KERNELS[kernel])


def loss_of(spec: dict[str, Any]) -> Loss:
    """Return the loss of the model's outputs and the targets."""
    return next_token_loss if spec["kind"] == "gpt" else cross_entropy


def next_token_loss(logits: Tensor, following: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits (batch, steps, vocabulary) and tokens (batch, steps)."""
    return cross_entropy(logits.flatten(0, 1), following.long().flatten())


def dense(widths: list[int]) -> nn.Module:
    """Return dense layers of the given widths, input and output included, with ReLU between them."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def two_convolutions(image_shape: list[int], num_outputs: int) -> nn.Module:
    """Return two convolutions with pooling, and two dense layers, for images of `image_shape` (channels, height, width)."""
    channels, height, width = image_shape
    pooled = -(-height // 4) * -(-width // 4)
    return nn.Sequential(
        *(nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
        *(nn.Flatten(), nn.Linear(64 * pooled, 1024), nn.ReLU(), nn.Linear(1024, num_outputs)),
    )


class Block(nn.Module):
    """Attention and a dense network, each after a normalization and added to its input (batch, steps, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.norm2(x)), approximate="tanh"))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return x (batch, heads, steps, width) rotated by the angles of its steps."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class GPT(nn.Module):
    """Token ids (batch, steps) -> logits (batch, steps, vocabulary): rotary positions, output layer tied to the embedding."""

    cos: Tensor
    sin: Tensor

    def __init__(self, vocabulary: int, length: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        frequencies = 10_000.0 ** -(torch.arange(0, width // heads, 2) * heads / width)
        angles = torch.outer(torch.arange(length), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids.long())
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return linear(self.norm(x), self.embed.weight)
