"""Back-propagated gradients, against the chain rule written out."""

from __future__ import annotations

import pytest
import torch
from support.probing import context_of, double, mean_square, measure
from torch import nn

from descentlab.diagnostics.backpropagated import Backpropagated
from descentlab.models.mlp import MLP


def of_last_layers(*batches):
    """Return the context of a step of a small network, and dL/dz of its two layers by the chain rule."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    first, second = [], []
    for inputs, targets in batches:
        hidden = model[1](model[0](inputs)).detach()
        error = (model[2](hidden).squeeze(-1) - targets).detach()  # of the loss (z - y)^2 / 2
        second.append(error)
        first.append(error[:, None] * model[2].weight.detach() * (1 - hidden.square()))
    return context_of(model, mean_square, batches), torch.cat(first), torch.cat(second)


def test_the_deviation_is_that_of_the_chain_rule_over_all_microbatches():
    context, first, second = of_last_layers((double(5, 3), double(5, seed=1)), (double(2, 3, seed=2), double(2, seed=3)))
    found = measure(Backpropagated(), context).layers["backpropagated"]
    assert list(found) == ["0", "2"]
    assert found["0"] == pytest.approx(first.std(correction=0).item(), rel=1e-10)
    assert found["2"] == pytest.approx(second.std(correction=0).item(), rel=1e-10)


def test_the_model_and_its_gradients_are_left_as_they_were():
    context, *_ = of_last_layers((double(5, 3), double(5, seed=1)))
    before = context.model(double(2, 3)).detach()
    measure(Backpropagated(), context)
    assert torch.equal(context.model(double(2, 3)), before)
    assert all(parameter.grad is None for parameter in context.model.parameters())
    assert not any(module._forward_hooks for module in context.model.modules())


def test_gradients_vanish_with_the_old_initialization_and_not_with_glorots():
    ratios = {}
    for init in ("standard", "glorot"):
        torch.manual_seed(0)
        model = MLP(num_features=64, num_outputs=10, hidden=[64] * 5, activation="tanh", init=init)
        batch = (0.5 * torch.randn(100, 64), torch.randint(10, (100,)))
        context = context_of(model, lambda predict, pair: nn.functional.cross_entropy(predict(pair[0]), pair[1]), [batch])
        found = list(measure(Backpropagated(), context).layers["backpropagated"].values())
        ratios[init] = found[0] / found[4]
    assert ratios["standard"] < 0.2
    assert ratios["glorot"] > 0.5


def test_a_model_without_such_layers_has_none():
    context = context_of(nn.RNN(2, 3), lambda predict, pair: predict(pair[0])[0].mean(), [(torch.randn(4, 5, 2),)])
    assert measure(Backpropagated(), context).layers["backpropagated"] == {}
