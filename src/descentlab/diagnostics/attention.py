"""Logits and entropy of attention."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.diagnostics.measuring.attention_calls import AttentionCalls
from descentlab.diagnostics.probe import Context

EXAMPLES = 4  # of the batch, which are evaluated


class Attention:
    """Measures for each attention layer the largest logit, and the entropy of the attention weights.

    With queries q, keys k of width d, and the logits q.k / sqrt(d), `attention_logit` is the largest absolute logit over
    examples, heads, queries and keys. `attention_entropy` is the mean over examples, heads and queries of the entropy of the
    softmax of the logits, divided by that of uniform attention, the logarithm of the number of keys that a query sees: 1 for
    uniform attention, 0 where each query attends to one key. Logits that grow until the entropy is 0 stop the gradient of
    queries and keys, and end in divergence.

    The first 4 examples of the batch are evaluated. Attention is found by its calls of
    torch.nn.functional.scaled_dot_product_attention; a model without any is evaluated once.

    Source: Dehghani et al. 2023 (arXiv:2302.05442); Zhai et al. 2023 (arXiv:2303.06296).
    """

    name, cost, needs = "attention", "light", ("model",)

    def __init__(self) -> None:
        self.is_absent = False

    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        if self.is_absent:
            return {}
        few = tuple(part[:EXAMPLES] for part in context.batches[0])
        with torch.no_grad(), AttentionCalls(context.model) as calls:
            context.outputs(context.after, few)
        self.is_absent = not calls.logits
        return {"attention_logit": calls.logits, "attention_entropy": calls.entropies} if calls.logits else {}
