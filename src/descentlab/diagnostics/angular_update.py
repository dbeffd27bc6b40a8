"""Rotation of the weights of each neuron by a step."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.diagnostics.measuring.layers import layers_of, whole
from descentlab.diagnostics.probe import Context


class AngularUpdate:
    """Measures the angle in radians between the weights of a neuron before and after the step, as the mean over a layer.

    A neuron is a row of a weight matrix, or a filter of a convolution: the elements of a parameter with two or more dimensions
    that share the first index. Weights in front of a normalization layer change its output by their direction only, so that
    this angle is their effective learning rate. Under weight decay it approaches an equilibrium: sqrt(2 lr decay) for gradient
    descent, sqrt(2 lr decay (1 - beta1) / (1 + beta1)) for AdamW. Neurons whose weights are all zero are left out.

    Source: Wan et al. 2021 (arXiv:2006.08419); Kosson et al. 2023 (arXiv:2305.17212).

    Args:
        neurons: also the angle of each neuron, as the column neuron_angle of layers.parquet, whose column layer then is
            LAYER/INDEX, such as head/0. A row per neuron and measurement: for small networks.
    """

    name, cost, needs = "angular_update", "light", ("weights",)

    def __init__(self, neurons: bool = False) -> None:
        self.neurons = neurons

    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        angles: dict[str, Tensor] = {}
        for layer, names in layers_of(context.before).items():
            found = [angles_of(context.before[name], context.after[name]) for name in names if context.before[name].dim() > 1]
            if found:
                angles[layer] = torch.cat(found)
        means = {layer: each.nanmean() for layer, each in angles.items()}
        if not self.neurons:
            return {"angular_update": means}
        named = {f"{layer}/{index}": angle for layer, each in angles.items() for index, angle in enumerate(each.unbind())}
        return {"angular_update": means, "neuron_angle": named}


def angles_of(before: Tensor, after: Tensor) -> Tensor:
    """Return the angle between each row of `before` and of `after`, shape (rows,); NaN for a row of zeros.

    With the update d of a row w it is atan2(|d - (d.w / |w|^2) w|, |w| + d.w / |w|), which is precise for small angles, unlike
    the arccosine.
    """
    rows = whole(before).flatten(1)
    update = whole(after).flatten(1) - rows
    length = torch.linalg.vector_norm(rows, dim=1)
    along = (update * rows).sum(1) / length
    across = update - (along / length).unsqueeze(1) * rows
    return torch.atan2(torch.linalg.vector_norm(across, dim=1), length + along)
