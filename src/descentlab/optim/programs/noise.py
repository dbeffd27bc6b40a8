"""Random numbers of a traced step as a pure function of a run's seed and the step.

They do not depend on the other runs of a block, on the position of the run in it, on the process, or on earlier steps, so that
resuming a run or moving it to another block does not change them. They differ from those of torch's generator, which single
runs draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LOW = 0xFFFFFFFF  # mask of 32 bits
MULTIPLIERS = (0x7FEB352D, 0x2C1B3C6D)  # odd and below 2^31: a product with 32 bits does not overflow 64 bits
ROUND = 0x9E3779B9  # separates the streams of the two halves of a key


class Noise(TorchFunctionMode):
    """Context in which random operations of a model take their numbers from a hash of seed, step and call.

    Replaces dropout, rand_like and randn_like. Other random operations are unchanged.

    Args:
        seed: of the run, a whole number below 2^53, a scalar.
        step: a whole number, a scalar.
        device: of the numbers; None: that of `seed`. The same numbers are drawn whether seed and step are tensors or not.
    """

    def __init__(self, seed: Tensor | int, step: Tensor | int, device: torch.device | None = None) -> None:
        super().__init__()
        self.seed, self.step = (each.long() if isinstance(each, Tensor) else each for each in (seed, step))
        self.device = device or torch.as_tensor(seed).device
        self.calls = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        replaced = {functional.dropout: self._dropout, torch.rand_like: self._rand_like, torch.randn_like: self._randn_like}
        return replaced.get(func, func)(*args, **(kwargs or {}))

    def uniform(self, shape: Sequence[int]) -> Tensor:
        """Return numbers in (0, 1) with 23 random bits, float32, which differ from those of the calls before."""
        self.calls += 1
        first = _mixed(_mixed(_mixed(self.seed & LOW) ^ (self.seed >> 32)) ^ (self.step & LOW))
        first = _mixed(first ^ self.calls)
        second = _mixed(first ^ ROUND)
        index = torch.arange(math.prod(shape), device=self.device).view(tuple(shape))
        bits = _mixed(_mixed((index + first) & LOW) ^ second)
        return ((bits >> 9).float() + 0.5) / 2**23

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Return the quantiles of the standard normal distribution at the numbers of `uniform`, float32."""
        return math.sqrt(2) * torch.erfinv(2 * self.uniform(shape) - 1)

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return input
        kept = self.uniform(input.shape) >= p
        return input * (kept.to(input.dtype) / (1 - p))

    def _rand_like(self, input: Tensor, **_: Any) -> Tensor:
        return self.uniform(input.shape).to(input.dtype)

    def _randn_like(self, input: Tensor, **_: Any) -> Tensor:
        return self.normal(input.shape).to(input.dtype)


def random_operations(graph: GraphModule) -> list[str]:
    """Return the names of the operations of `graph` that draw numbers from torch's generator."""
    targets = {node.target for node in graph.graph.nodes}
    return sorted(str(target) for target in targets if torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()))


def _mixed(bits: Any) -> Any:
    """Return a bijective hash of 32 bits, in a tensor of int64 or an int, in which each bit depends on all others.

    Xor-shifts and multiplications by odd numbers alternate, as in the finalizer of MurmurHash3 (Appleby 2011).
    """
    for multiplier in MULTIPLIERS:
        bits = bits ^ (bits >> 16)
        bits = (bits * multiplier) & LOW
    return bits ^ (bits >> 15)
