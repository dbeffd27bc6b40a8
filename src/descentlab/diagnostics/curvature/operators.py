"""Hessian and Gauss-Newton matrix of a step's loss as operators: their products with vectors, without the matrices.

A product with the Hessian is a backward pass through the gradient (Pearlmutter 1994); forward-mode differentiation would be an
alternative, but fewer operations of torch support it. The graph of the gradient is built once and used for all products. With
several microbatches, it is built again for each product, so that the memory is that of one microbatch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import grad, vjp

from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.probe import Batch

Product = Callable[[Tensor], Tensor]  # vector (n,) -> matrix times vector (n,)


class Operator(NamedTuple):
    """A symmetric matrix (n, n), given by its products.

    Args:
        size: n.
        product: vector (n,) -> product (n,).
        like: a tensor with the dtype and device of the vectors.
    """

    size: int
    product: Product
    like: Tensor


def hessian(objective: Objective) -> Operator:
    """Return the Hessian of the loss at the weights before the step."""

    def linearised(batch: Batch) -> Product:
        pullback = vjp(grad(lambda vector: objective.batch_loss(vector, batch)), objective.point)[1]
        return lambda vector: pullback(vector)[0]

    return _over_batches(objective, linearised)


def gauss_newton(objective: Objective) -> Operator:
    """Return the generalised Gauss-Newton matrix J' L J of the loss at the weights before the step.

    J is the Jacobian of the model's outputs with respect to the weights, and L the Hessian of the loss with respect to the
    outputs (Schraudolph 2002; Martens, arXiv:1412.1193, section 8). J v is computed by two backward passes.
    """

    def linearised(batch: Batch) -> Product:
        loss = objective.context.batch_loss(batch)

        def outputs_at(vector: Tensor) -> Any:
            return loss.outputs(objective.named(vector))

        def transposed(cotangents: Any) -> Tensor:
            return vjp(outputs_at, objective.point)[1](cotangents)[0]

        outputs, pullback = vjp(outputs_at, objective.point)[:2]
        slopes, curvature = vjp(grad(loss.of_outputs), outputs)[:2]
        pushforward = vjp(transposed, slopes)[1]  # of a linear function, at any point
        return lambda vector: pullback(curvature(pushforward(vector)[0])[0])[0]

    return _over_batches(objective, linearised)


def scaled(operator: Operator, diagonal: Tensor) -> Operator:
    """Return D^1/2 A D^1/2, which has the eigenvalues of D A, for the matrix A of `operator` and D = diag(`diagonal`), >= 0."""
    root = diagonal.sqrt()
    return Operator(operator.size, lambda vector: root * operator.product(root * vector), operator.like)


def _over_batches(objective: Objective, linearised: Callable[[Batch], Product]) -> Operator:
    """Return the mean of the operators of the microbatches; its products are collective, and have no graph of their own."""
    kept = linearised(objective.batches[0]) if len(objective.batches) == 1 else None

    @torch.no_grad()
    def product(vector: Tensor) -> Tensor:
        return objective.mean(lambda batch: (kept or linearised(batch))(vector))

    return Operator(objective.size, product, objective.point)
