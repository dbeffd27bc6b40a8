"""Dense layers: biases, weight norm, and the parametrizations, whose first updates are compared over widths."""

from __future__ import annotations

from functools import partial
from math import log2

import pytest
import torch
from conftest import compose_config
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import relu

from descentlab.models.linear import Linear
from descentlab.models.mlp import MLP
from descentlab.optim.recipe import Recipe

ADAM = partial(torch.optim.Adam, lr=1e-3, betas=(0.9, 0.95))
SGD = partial(torch.optim.SGD, lr=1e-2)
NARROW, WIDE = 32, 1024


def dense(model) -> list[nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)]


def made(seed=0, **options):
    torch.manual_seed(seed)
    return MLP(**{"num_features": 20, "num_outputs": 4, "hidden": [16, 16], "init": "lecun"} | options)


def data():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(64, 20, generator=generator), torch.randint(4, (64,), generator=generator)


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_without_biases_the_network_is_a_product_of_matrices_and_activations(activation):
    model, (x, _) = made(bias=False, activation=activation), data()
    assert [name for name, _ in model.named_parameters() if "bias" in name] == []
    first, second, last = (layer.weight for layer in dense(model))
    f = torch.tanh if activation == "tanh" else lambda z: z
    torch.testing.assert_close(model(x), f(f(x @ first.T) @ second.T) @ last.T)


def test_linear_model_without_bias():
    model, (x, _) = Linear(20, 4, "lecun", bias=False), data()
    torch.testing.assert_close(model(x), x @ model.affine.weight.T)
    assert len(list(model.parameters())) == 1


def test_output_scale_multiplies_the_initial_weights_of_the_output_layer_only():
    plain, scaled = (dict(made(output_scale=scale).named_parameters()) for scale in (1.0, 0.25))
    for name, weight in plain.items():
        torch.testing.assert_close(scaled[name], weight * (0.25 if name == "head.weight" else 1.0))


def test_rows_of_normalized_weights_have_norm_1_whatever_their_scale():
    model, (x, _) = made(weight_norm="unit", bias=False, activation="tanh"), data()
    before = model(x)
    unit = [layer.weight / layer.weight.square().sum(1, keepdim=True).sqrt() for layer in dense(model)]
    torch.testing.assert_close(before, torch.tanh(torch.tanh(x @ unit[0].T) @ unit[1].T) @ unit[2].T)
    with torch.no_grad():
        for layer in dense(model):
            layer.weight *= torch.rand(len(layer.weight), 1) + 0.5
    torch.testing.assert_close(model(x), before)
    model(x).square().sum().backward()  # of functions that do not depend on the length of a row
    assert all((layer.weight * layer.weight.grad).sum(1).abs().max() < 1e-4 for layer in dense(model))


def test_gains_keep_the_initial_outputs_and_multiply_the_units():
    plain, normed, (x, _) = made(), made(weight_norm="gain"), data()
    torch.testing.assert_close(normed(x), plain(x))
    with torch.no_grad():
        normed.head.gain[2] *= 3
    torch.testing.assert_close(normed(x)[:, 2], 3 * plain(x)[:, 2])
    assert {name.rpartition(".")[2] for name, _ in normed.named_parameters()} == {"weight", "bias", "gain"}


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_ntk_with_lecun_is_the_network_of_standard_normal_weights(activation):
    torch.manual_seed(0)
    model, x = MLP(16, 1, [1000], activation, "lecun", bias=False, parametrization="ntk"), torch.randn(8, 16)
    w, v = model.blocks[0].layers[0].weight, model.head.weight[0]
    assert float(w.detach().std()) == pytest.approx(1, rel=0.02)
    assert float(v.detach().std()) == pytest.approx(1, rel=0.1)
    inner = x @ w.T / 16**0.5
    torch.testing.assert_close(model(x)[:, 0], (relu(inner) if activation == "relu" else inner) @ v / 1000**0.5)


def test_parametrizations_have_the_initial_function_of_the_standard_one_at_the_base_width():
    x, _ = data()
    for parametrization in ("ntk", "mup", "mup_sgd"):
        other = made(parametrization=parametrization, base_width=16)
        torch.testing.assert_close(other(x), made()(x))
    assert all(set(layer.lr_factors.values()) == {1.0} for layer in dense(made(parametrization="mup", base_width=16)))


def test_factors_are_those_of_the_table_of_the_paper():
    """Table 3 of arXiv:2203.03466 relative to width 8, at width 32: fan-in and fan-out are 4 times as large."""
    factors = {
        kind: [layer.lr_factors for layer in dense(made(hidden=[32, 32, 32], parametrization=kind, base_width=8))]
        for kind in ("mup", "mup_sgd")
    }
    hidden = {"weight": 1 / 4, "bias": 1.0}
    assert factors["mup"] == [{"weight": 1.0, "bias": 1.0}, hidden, hidden, {"weight": 1 / 4, "bias": 1.0}]
    hidden = {"weight": 1.0, "bias": 4.0}
    assert factors["mup_sgd"] == [{"weight": 4.0, "bias": 4.0}, hidden, hidden, {"weight": 1 / 4, "bias": 1.0}]
    standard, mup = made(hidden=[32, 32]), made(hidden=[32, 32], parametrization="mup", base_width=8)
    torch.testing.assert_close(mup.head.weight, standard.head.weight / 2)  # variance 1 / fan-in^2, not 1 / fan-in
    assert torch.equal(mup.blocks[1].layers[0].weight, standard.blocks[1].layers[0].weight)
    assert dense(made(hidden=[], parametrization="mup", base_width=8))[0].lr_factors == {"weight": 1.0, "bias": 1.0}


def change(width, parametrization, optimizer) -> float:
    """Return the root mean square change of the logits by one step, as a mean over 3 seeds.

    The loss is linear in the logits, so that its gradient with respect to them is the same at all widths.
    """
    x, _ = data()
    direction = torch.randn(64, 4, generator=torch.Generator().manual_seed(6))
    found = []
    for seed in range(3):
        model = made(seed, hidden=[width, width], init="he", parametrization=parametrization, base_width=NARROW)
        before, taken = model(x).detach(), Recipe(optimizer=optimizer).make(model)
        (model(x) * direction).sum(1).mean().backward()
        taken.step()
        found.append(float((model(x).detach() - before).square().mean().sqrt()))
    return sum(found) / 3


@pytest.mark.parametrize(("optimizer", "mup"), [(ADAM, "mup"), (SGD, "mup_sgd")], ids=["adam", "sgd"])
def test_change_of_the_logits_does_not_depend_on_the_width_under_mup(optimizer, mup):
    exponents = {
        kind: log2(change(WIDE, kind, optimizer) / change(NARROW, kind, optimizer)) / log2(WIDE / NARROW)
        for kind in ("standard", mup)
    }
    assert abs(exponents[mup]) < 0.15, exponents
    assert exponents["standard"] > 0.85, exponents


def test_normalized_and_scaled_layers_can_be_stacked():
    for options in ({"weight_norm": "gain"}, {"weight_norm": "unit"}, {"parametrization": "ntk"}):
        models, (x, _) = [made(seed, **options) for seed in range(3)], data()
        stacked = vmap(partial(functional_call, models[0]), in_dims=(0, None))(stack_module_state(models)[0], (x,))
        torch.testing.assert_close(stacked, torch.stack([model(x) for model in models]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_norm": "unit", "parametrization": "ntk"}, r"weight_norm=unit requires model\.parametrization=standard"),
        ({"weight_norm": "unit", "output_scale": 0.5}, r"output_scale=0\.5 has no effect"),
        ({"weight_norm": "gain", "init": "zeros"}, r"norm, which is zero"),
        ({"norm": "layer", "parametrization": "mup_sgd"}, r"mup_sgd requires model\.norm=none"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)


def test_learning_rates_per_layer_are_refused_by_the_explicit_engine():
    mistakes = compose_config("engine=explicit", "optimizer=scratch/adam", "model.parametrization=mup")[2]
    assert any("it has no model.parametrization=mup" in mistake for mistake in mistakes)
