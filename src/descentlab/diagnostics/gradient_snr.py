"""Signal-to-noise ratio of the gradient of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad

from descentlab.diagnostics.measuring.layers import ALL, sums
from descentlab.diagnostics.probe import Context, Named
from descentlab.parallel.collectives import summed

LEAST = 4  # examples of a microbatch, since batch normalization needs two in each half


class GradientSnr:
    """Measures the ratio of signal and noise of the batch's gradient, of each layer and (layer "all") of the whole model.

    With the gradients g1 and g2 of the mean losses of two halves of the batch, the ratio is

        g1 . g2 / (|g1 - g2|^2 / 4)

    where the numerator is an unbiased estimate of |G|^2, the squared norm of the expected gradient, and the denominator one of
    the trace of the covariance of the batch's gradient, if the loss is a mean over examples. Below 1 most of an update is
    noise, and larger batches help; the batch size divided by the ratio is the simple noise scale (McCandlish et al. 2018,
    arXiv:1812.06162, equation 2.9 and appendix A.1, which has the same two estimates for two batch sizes). Single values have
    a large variance, and can be negative. They are NaN, undefined, where both gradients are zero.

    The last example of a batch of odd size is left out. Both halves get the same dropout masks.
    """

    name, cost, needs = "gradient_snr", "light", ("weights", "model")

    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        first, second = gradients_of_halves(context)
        if not first:
            return {}
        signal = torch.stack([(first[name] * second[name]).sum() for name in first])
        noise = torch.stack([(first[name] - second[name]).square().sum() / 4 for name in first])
        noises = sums(list(first), noise)
        ratios = {layer: each / noises[layer] for layer, each in sums(list(first), signal).items()}
        return {"gradient_snr": {**ratios, ALL: signal.sum() / noise.sum()}}


def gradients_of_halves(context: Context) -> tuple[Named, Named]:
    """Return the gradients of the mean losses of two halves of the step's batch, at the weights before the step.

    Each microbatch, and each process's share of the batch, is divided in halves. Collective. Microbatches of fewer than LEAST
    examples are left out; both are empty if there are no others.
    """
    sizes = [len(batch[0]) // 2 if len(batch[0]) >= LEAST else 0 for batch in context.batches]
    count = float(summed(torch.tensor(float(sum(sizes)), device=context.batches[0][0].device)))
    if not count:
        return {}, {}
    halves: list[dict[str, Tensor]] = []
    for half in range(2):
        found = {name: torch.zeros_like(weight) for name, weight in context.before.items()}
        for size, batch in zip(sizes, context.batches, strict=True):
            if size:
                own = tuple(part[half * size : (half + 1) * size] for part in batch)
                gradients = grad(context.loss)(dict(context.before), own)
                found = {name: total + size / count * gradients[name] for name, total in found.items()}
        halves.append({name: summed(each) for name, each in found.items()})
    return halves[0], halves[1]
