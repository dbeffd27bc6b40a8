"""Norms of the gradient, the weights and the update of each layer."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.diagnostics.measuring.layers import differences, norms
from descentlab.diagnostics.probe import Context


class LayerNorms:
    """Measures for each layer the Euclidean norms of gradient, weights and update, and the ratio of update to weights.

    The ratio |w' - w| / |w| of a step from w to w' is about 1e-3 in runs that train well (Karpathy, CS231n, "Ratio of
    weights:updates"). It is undefined, NaN, for a layer whose weights are all zero.
    """

    name, cost, needs = "layer_norms", "light", ("gradients", "weights")

    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        weights, updates = norms(context.before), norms(differences(context.after, context.before))
        found, zero = torch.stack(list(weights.values())), torch.tensor(torch.nan)
        ratios = torch.where(found > 0, torch.stack(list(updates.values())) / found, zero.to(found))
        return {
            "grad_norm": norms(context.gradients),
            "weight_norm": weights,
            "update_norm": updates,
            "update_ratio": dict(zip(weights, ratios.unbind(), strict=True)),
        }
