"""The linearized MLP: the expansion of the network, linear in the weights, with gradients at the initial ones."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

from descentlab.models.linearized_mlp import LinearizedMLP
from descentlab.models.mlp import MLP

OPTIONS = {"num_features": 5, "num_outputs": 3, "hidden": [7, 6], "activation": "tanh", "parametrization": "ntk"}


def made(seed=0, **changes):
    torch.manual_seed(seed)
    return LinearizedMLP(**OPTIONS | changes).double()


def moved(model, size=1.0):
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=size)
    return model


def inputs():
    return torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "changes", [{}, {"activation": "relu"}, {"weight_norm": "gain", "parametrization": "standard"}], ids=str
)
def test_outputs_equal_the_expansion_with_the_whole_jacobian(changes):
    model, x = moved(made(**changes)), inputs()
    torch.manual_seed(0)
    original = MLP(**OPTIONS | changes).double()
    initial = dict(original.named_parameters())
    jacobians = jacrev(lambda own: functional_call(original, own, (x,)))(initial)  # each (4, 3, *shape)
    expected = original(x) + sum(
        (jacobians[name] * (weight - initial[name])).flatten(2).sum(2) for name, weight in model.mlp.named_parameters()
    )
    torch.testing.assert_close(model(x), expected)
    assert not torch.allclose(model(x), model.mlp(x))


def test_gradients_of_the_outputs_do_not_depend_on_the_weights_and_are_at_first_those_of_the_network():
    x = inputs()
    gradients = []
    for model in (made(), moved(made(), 5.0), made().mlp):
        model(x).sum().backward()
        gradients.append([weight.grad for weight in model.parameters()])
    for own in gradients[1:]:
        torch.testing.assert_close(own, gradients[0])


def test_outputs_are_the_same_without_gradients():
    model, x = moved(made()), inputs()
    expected = model(x).detach()
    for context in (torch.no_grad(), torch.inference_mode()):
        with context:
            torch.testing.assert_close(model(x), expected)


def test_models_can_be_stacked():
    models, x = [moved(made(seed)) for seed in range(2)], inputs()
    weights, buffers = stack_module_state(models)

    def loss(own, others):
        return functional_call(models[0], (own, others), (x,)).square().sum()

    found = vmap(grad(loss))(weights, buffers)
    for place, model in enumerate(models):
        model(x).square().sum().backward()
        torch.testing.assert_close({name: each[place] for name, each in found.items()}, gradients_of(model))


def gradients_of(model):
    return {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("changes", [{"dropout": 0.5}, {"norm": "batch"}])
def test_options_that_make_outputs_random_or_dependent_on_the_batch_are_refused(changes):
    with pytest.raises(ValueError, match="cannot be linearized"):
        made(**changes)
