"""Back-propagation by hand: a net of dense layers, its loss, and the gradient of every weight by the chain rule.

A net is two plain lists: its weights [W_1, b_1, ..., W_L, b_L], in the order of a module's parameters(), and the names
of the activations of its L - 1 hidden layers. Layer l computes z_l = a_{l-1} W_l' + b_l and a_l = f_l(z_l); a_0 is the input,
z_L the output, W_l has shape (n_l, n_{l-1}), b_l has (n_l,), a_l and z_l have (batch, n_l).

Source: Rumelhart, Hinton and Williams, Nature 323, 1986; Goodfellow et al., Deep Learning, 2016, algorithms 6.3 and 6.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

LEAK = 0.01  # slope of leaky_relu at and below 0, as in torch
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Activation(NamedTuple):
    """f and its derivative f', each of the pre-activation z and elementwise."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _normal_cdf(z: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def _normal_density(z: Tensor) -> Tensor:
    return torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)


def _silu_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 + z * (1 - s))


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(lambda z: z, torch.ones_like),
    "relu": Activation(lambda z: z.clamp(min=0), lambda z: (z > 0).to(z.dtype)),  # 0 at 0, as in torch
    "leaky_relu": Activation(
        lambda z: z.clamp(min=0) + LEAK * z.clamp(max=0), lambda z: LEAK + (1 - LEAK) * (z > 0).to(z.dtype)
    ),
    "tanh": Activation(torch.tanh, lambda z: 1 - torch.tanh(z).square()),
    "sigmoid": Activation(torch.sigmoid, lambda z: torch.sigmoid(z) * torch.sigmoid(-z)),
    "gelu": Activation(lambda z: z * _normal_cdf(z), lambda z: _normal_cdf(z) + z * _normal_density(z)),
    "silu": Activation(lambda z: z * torch.sigmoid(z), _silu_slope),
}


def mse(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of (output - target)^2 over examples and outputs, and its gradient with respect to the outputs.

    Args:
        outputs, targets: (batch, n_L).
    """
    difference = outputs - _shaped_as(outputs, targets)
    return difference.square().mean(), 2 * difference / difference.numel()


def bce(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of -[y log sigmoid(z) + (1 - y) log(1 - sigmoid(z))], and its gradient with respect to the logits z.

    Computed as max(z, 0) - z y + log(1 + exp(-|z|)), which does not overflow; the gradient is (sigmoid(z) - y) / batch.

    Args:
        outputs: logits (batch, 1).
        targets: (batch,), 1.0 or 0.0.
    """
    z = outputs.squeeze(1)  # (batch,)
    losses = z.clamp(min=0) - z * _shaped_as(z, targets) + torch.log1p(torch.exp(-z.abs()))
    return losses.mean(), ((torch.sigmoid(z) - targets) / len(z)).unsqueeze(1)


def cce(outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of -log softmax(z)[class], and its gradient with respect to the logits z: (softmax(z) - one_hot) / batch.

    Args:
        outputs: logits (batch, n_L).
        classes: (batch,), integers from 0.
    """
    logs = outputs - outputs.logsumexp(1, keepdim=True)  # log softmax, (batch, n_L)
    chosen = classes.unsqueeze(1)  # (batch, 1)
    one_hot = torch.zeros_like(outputs).scatter(1, chosen, 1.0)
    return -logs.gather(1, chosen).mean(), (logs.exp() - one_hot) / len(outputs)


def forward(weights: Sequence[Tensor], activations: Sequence[str], x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs a_{l-1} and the pre-activations z_l of all layers, first to last, for the backward pass.

    Args:
        weights: [W_1, b_1, ..., W_L, b_L].
        activations: L - 1 keys of ACTIVATIONS.
        x: (batch, ...), flattened to (batch, n_0).
    """
    inputs, sums, a = [], [], x.flatten(1)
    for weight, bias, name in zip(weights[::2], weights[1::2], [*activations, "identity"], strict=True):
        inputs.append(a)
        sums.append(a @ weight.T + bias)  # (batch, n_l)
        a = ACTIVATIONS[name].value(sums[-1])
    return inputs, sums


def backward(
    weights: Sequence[Tensor], activations: Sequence[str], inputs: list[Tensor], sums: list[Tensor], delta: Tensor
) -> list[Tensor]:
    """Return the gradient of the loss with respect to each weight, computed from the last layer to the first.

    Args:
        weights, activations: the net, as for `forward`.
        inputs, sums: those that `forward` returned.
        delta: the gradient of the loss with respect to the output, (batch, n_L).
    """
    grads: list[Tensor] = []
    for layer in reversed(range(len(sums))):  # delta is dloss/dz of this layer, (batch, n_l)
        grads = [delta.T @ inputs[layer], delta.sum(0), *grads]  # dloss/dW (n_l, n_{l-1}), dloss/db (n_l,)
        if layer > 0:  # dloss/dz of the layer below: through W to its a, through f' to its z
            slope = ACTIVATIONS[activations[layer - 1]].slope(sums[layer - 1])
            delta = (delta @ weights[2 * layer]) * slope  # (batch, n_{l-1})
    return grads


def backpropagate(
    weights: Sequence[Tensor], batch: tuple[Tensor, Tensor], activations: Sequence[str], loss: Loss
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of the net on `batch`, a scalar, and its gradient with respect to each of `weights`, in their shapes.

    Args:
        weights, activations: the net, as for `forward`.
        batch: x (batch, ...) and the targets of `loss`.
        loss: mse, bce or cce.
    """
    x, targets = batch
    inputs, sums = forward(weights, activations, x)
    value, delta = loss(sums[-1], targets)
    return value, backward(weights, activations, inputs, sums, delta)


def _shaped_as(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return `targets`, or raise ValueError if broadcasting would compare each output with every target."""
    if outputs.shape != targets.shape:
        raise ValueError(f"outputs have shape {tuple(outputs.shape)}, targets {tuple(targets.shape)}")
    return targets
