"""A few steps of a small network by Step and by a plain loop, for the tests of what happens around an update."""

from __future__ import annotations

from functools import partial

import torch

from descentlab.data.loading.loader import Part
from descentlab.models.mlp import MLP
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step

SGD = partial(torch.optim.SGD, lr=0.1)
TOTAL = 12


def net(norm="none") -> MLP:
    torch.manual_seed(0)
    return MLP(6, 3, [5], norm=norm)


def loss(model, step):
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
    return (model(x) - 1).pow(2).mean()


def trained(recipe: Recipe, steps: int = TOTAL, norm: str = "none"):
    """Return the weights after a few steps of Step."""
    model = net(norm)
    backward = partial(torch.Tensor.backward, create_graph=recipe.needs.graph)
    step = Step(model, lambda batch: loss(model, int(batch[0])), backward, recipe.make(model), recipe, TOTAL)
    for count in range(steps):
        step([Part((torch.tensor(count),), 1.0)])
    return list(model.parameters())


def by_hand(make, change=lambda model: None, steps: int = TOTAL, norm: str = "none"):
    """Return the weights after a plain loop in which `change(model)` modifies the gradients."""
    model = net(norm)
    optimizer = make(model.parameters())
    for count in range(steps):
        optimizer.zero_grad()
        loss(model, count).backward()
        change(model)
        optimizer.step()
    return list(model.parameters())


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
