"""The noisy quadratic model (Zhang et al., arXiv:1907.04164): expected losses by an exact recursion, or random gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from descentlab.config.types import Count, NonNegative


class NoisyQuadratic(nn.Module):
    """x (batch, any) -> (batch,): the loss sum_i h_i t_i^2 / 2 of a vector t that starts at ones, the same for all examples.

    The curvatures are h_i = 1 / i. Only the number of examples B of a batch matters: in training the gradient of t_i has
    normal noise of variance h_i / B, as if each example had the variance c_i = h_i.

    With `expectation`, the loss is its exact expectation over the noise, for optimizers that are linear in the gradients and
    have constant hyperparameters: gradient descent and momentum of any kind. Such an optimizer adds noise n at one step to t as
    n r_k after k more steps, whatever t is. It is applied to two vectors: the mean of t, whose gradient is exact, and the
    response r, which starts at 0 and has the gradient h r, plus 1 at the first step. Then E t^2 = mean^2 + (c / B) sum_k r_k^2.
    This is the solution of the recursion of the second moments in the paper (theorem 1), and the optimizer that is used is the
    one that is analysed. Other optimizers, schedules and clipping need `expectation=False`.

    Args:
        dimensions: number of dimensions of t.
        expectation: True: the loss is its expectation; False: gradients have noise, and the loss is that of the current t.
        preconditioner: p; each gradient is multiplied by h_i^-p, by a change of variables (section 3 of the paper).
    """

    curvature: Tensor
    scale: Tensor
    spread: Tensor
    started: Tensor
    examples: Tensor

    def __init__(self, dimensions: Count = 1000, expectation: bool = True, preconditioner: NonNegative = 0.0) -> None:
        super().__init__()
        self.expectation = expectation
        curvature = 1 / torch.arange(1, dimensions + 1, dtype=torch.float64)
        scale = curvature ** (-preconditioner / 2)  # of t to the trained vector
        self.register_buffer("curvature", curvature.float())
        self.register_buffer("scale", scale.float())
        self.mean = nn.Parameter((1 / scale).float())
        if expectation:
            self.response = nn.Parameter(torch.zeros(dimensions))
            self.register_buffer("spread", torch.zeros(dimensions))  # sum of r_k^2 over the steps so far
            self.register_buffer("started", torch.zeros(()))
            self.register_buffer("examples", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        loss = self._expected(len(x)) if self.expectation else self._sampled(len(x))
        return loss.expand(len(x))

    def _sampled(self, examples: int) -> Tensor:
        point = self.scale * self.mean
        loss = 0.5 * (self.curvature * point.square()).sum()
        if not self.training:
            return loss
        noise = torch.randn_like(point) * (self.curvature / examples).sqrt()
        return loss + _gradient_only((noise * point).sum())

    def _expected(self, examples: int) -> Tensor:
        mean, response = self.scale * self.mean, self.scale * self.response
        spread, first = self.spread + response.detach().square(), 1 - self.started
        if self.training:
            self.examples.fill_(examples)
            self.spread.copy_(spread)
            self.started.fill_(1.0)
        variance = spread * self.curvature / self.examples
        loss = 0.5 * (self.curvature * (mean.square() + variance)).sum()
        return loss + _gradient_only(0.5 * (self.curvature * response.square()).sum() + first * response.sum())


def _gradient_only(value: Tensor) -> Tensor:
    """Return 0 with the gradient of `value`."""
    return value - value.detach()
