"""The kernels of torch's optimizers: `fused: auto` selects those that update all parameters in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import SGD, Optimizer

from descentlab.optim.composite import parts_of

DEVICES = ("cpu", "cuda")
DTYPES = (torch.float32, torch.float64)  # in half precision the fused kernel computes in float32, and the default one does not


def fused_setting(
    model: nn.Module, parameters: Sequence[Tensor], settings: Mapping[str, Any], loss_is_scaled: bool
) -> bool | None:
    """Return the value of `fused` that replaces "auto": True where both kernels give the same update up to rounding, else None.

    None is torch's default kernel. The fused kernel supports neither sparse gradients nor FSDP2 shards. With a loss scale it
    would unscale the gradients itself, but clipping needs unscaled gradients.

    Args:
        model: the module that has `parameters`.
        parameters: those of the optimizer.
        settings: the optimizer's arguments.
        loss_is_scaled: True if half precision multiplies the gradients by a factor.
    """
    embeddings = (module for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag))
    excluded = settings.get("foreach") is not None or settings.get("differentiable") or settings.get("dampening")
    if loss_is_scaled or excluded or any(each.sparse for each in embeddings):
        return None
    return True if all(_is_supported(parameter) for parameter in parameters) else None


def _is_supported(parameter: Tensor) -> bool:
    """Return True for a dense tensor: the kernel reads a slice of another tensor with the strides of its gradient."""
    if isinstance(parameter, DTensor) or parameter.device.type not in DEVICES or parameter.dtype not in DTYPES:
        return False
    return parameter.stride() == torch.empty_like(parameter).stride()


def fill_momentum(optimizer: Optimizer) -> None:
    """Set missing momentum of a fused SGD to zeros, which gives the same first step without dampening.

    The fused kernel fails if only some parameters have momentum, as when a parameter gets its first gradient in a later step.
    """
    if isinstance(optimizer, SGD):
        for group in optimizer.param_groups:
            for parameter in group["params"] if group["fused"] and group["momentum"] else ():
                optimizer.state[parameter].setdefault("momentum_buffer", torch.zeros_like(parameter))


def kernels_of(optimizer: Optimizer) -> str:
    """Return "fused" if every part of `optimizer` uses the fused kernels of torch, else "default"."""
    groups = [group for part in parts_of(optimizer) for group in part.param_groups]
    return "fused" if groups and all(group.get("fused") for group in groups) else "default"
