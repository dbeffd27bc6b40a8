"""Orthogonal gradients and projected weights of one run."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytorch_optimizer import OrthoGrad
from support.small_steps import SGD, TOTAL, by_hand, equal, loss, net, trained
from torch import nn

from descentlab.errors import UsageError
from descentlab.optim.constraints import OrthogonalGradient, Projection
from descentlab.optim.gradients import Clip, Decay
from descentlab.optim.recipe import Recipe


def changed(to, weight, gradient, seed=3, step=5):
    parameter = nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    OrthogonalGradient(to)([parameter], seed, step)
    return parameter.grad


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("make", [SGD, partial(torch.optim.Adam, lr=0.01)])
def test_steps_equal_those_of_the_library(make):
    ours = trained(Recipe(optimizer=make, orthogonal_gradient=OrthogonalGradient("weights")))
    theirs = by_hand(lambda parameters: OrthoGrad(make(parameters)))
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)
    assert not equal(ours, by_hand(make))


def test_the_gradient_is_orthogonal_to_the_weights_and_keeps_its_norm():
    weight, gradient = random(6, 4), random(6, 4, seed=1)
    found = changed("weights", weight, gradient)
    assert abs(float((found * weight).sum())) < 1e-12
    assert float(found.norm()) == pytest.approx(float(gradient.norm()), rel=1e-12)
    assert float((found * gradient).sum()) > 0


def test_the_control_projects_on_another_direction_at_each_step():
    weight, gradient = random(50, 40), random(50, 40, seed=1) + 0.5 * random(50, 40)
    first, again, later = (changed("random", weight, gradient, step=step) for step in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert float(first.norm()) == pytest.approx(float(gradient.norm()), rel=1e-12)
    assert float((first * weight).sum()) == pytest.approx(float((gradient * weight).sum()), rel=0.2)  # far from orthogonal


@pytest.mark.parametrize("to", ["weights", "random"])
def test_a_single_element_and_weights_of_zero_keep_their_gradients(to):
    assert torch.equal(changed(to, torch.tensor([2.0]), torch.tensor([3.0])), torch.tensor([3.0]))
    if to == "weights":
        torch.testing.assert_close(changed(to, torch.zeros(4), torch.arange(4.0)), torch.arange(4.0))
    assert torch.equal(changed(to, torch.ones(4), torch.zeros(4)), torch.zeros(4))


def test_coupled_decay_and_clipping_come_after():
    """Coupled decay would otherwise be removed, and the norm of the gradient would not be the bound."""

    def by_formula(model):
        for p in model.parameters():
            p.grad.copy_(changed("weights", p.detach(), p.grad))
            p.grad.add_(p.detach(), alpha=0.5)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)

    recipe = Recipe(
        optimizer=SGD,
        orthogonal_gradient=OrthogonalGradient("weights"),
        decay=Decay(rate=0.5, kind="coupled"),
        clip=Clip(norm=0.1),
    )
    assert equal(trained(recipe), by_hand(SGD, by_formula))


def test_a_sparse_gradient_is_refused():
    embedding = nn.Embedding(4, 2, sparse=True)
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(UsageError, match="sparse"):
        OrthogonalGradient("weights")(embedding.parameters(), 0, 0)


def test_weights_are_clamped_after_each_update():
    make = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
    model = net()
    optimizer = make(model.parameters())
    for count in range(TOTAL):
        optimizer.zero_grad()
        loss(model, count).backward()
        optimizer.step()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.clamp_(-0.2, 0.3)
    ours = trained(Recipe(optimizer=make, project=Projection((-0.2, 0.3))))
    assert equal(ours, model.parameters())
    assert max(float(weight.detach().max()) for weight in ours) == pytest.approx(0.3)
