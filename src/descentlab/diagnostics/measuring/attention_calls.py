"""Recording of the calls of scaled dot-product attention in a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class AttentionCalls(TorchFunctionMode):
    """Context that records the calls of torch.nn.functional.scaled_dot_product_attention, by the module that makes them.

    Args:
        model: its modules name the calls.

    Attributes:
        logits: largest absolute logit by module name; of several calls of a module, that of the last one.
        entropies: mean entropy of the attention weights relative to uniform attention, by module name.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.logits: dict[str, Tensor] = {}
        self.entropies: dict[str, Tensor] = {}
        self.path: list[str] = []  # names of the modules that are being called

    def __enter__(self) -> Self:
        modules = list(self.model.named_modules())
        self.hooks = [module.register_forward_pre_hook(partial(self._enter, name)) for name, module in modules]
        self.hooks += [module.register_forward_hook(self._leave) for _, module in modules]
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self.hooks:
            hook.remove()

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.scaled_dot_product_attention:
            name = self.path[-1] if self.path else ""
            self.logits[name], self.entropies[name] = statistics(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _enter(self, name: str, *_: Any) -> None:
        self.path.append(name)

    def _leave(self, *_: Any) -> None:
        self.path.pop()


def statistics(
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 the signature is that of scaled_dot_product_attention
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the largest absolute logit and the mean relative entropy of a call of scaled_dot_product_attention.

    Args:
        query: (..., heads, queries, width).
        key: (..., heads, keys, width).
        attn_mask: True where a query may attend to a key, or a number that is added to the logit.
        scale: factor of the logits; None: 1 / sqrt(width).
    """
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    precise = torch.promote_types(query.dtype, torch.float32)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = query.to(precise) @ key.to(precise).transpose(-1, -2) * factor
    seen = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device)
    if is_causal:
        seen = seen.tril()
    if attn_mask is not None:
        seen = seen & (attn_mask if attn_mask.dtype == torch.bool else attn_mask > -math.inf)
        logits = logits if attn_mask.dtype == torch.bool else logits + attn_mask
    largest = torch.where(seen, logits.abs(), 0.0).amax()
    logs = torch.where(seen, logits, -math.inf).log_softmax(-1)
    entropy = -torch.where(seen, logs.exp() * logs, 0.0).sum(-1)
    keys = seen.sum(-1).expand(entropy.shape)
    counted = keys > 1
    relative = torch.where(counted, entropy / keys.clamp(min=2).to(precise).log(), 0.0)
    return largest, relative.sum() / counted.sum()
