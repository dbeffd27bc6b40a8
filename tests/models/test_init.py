"""Initial weights of every network: orthogonal layers, gains, and the ends of residual branches."""

from __future__ import annotations

import pytest
import torch
from conftest import compose_config
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn
from torch.nn.functional import linear, pad, relu

from descentlab.models.all_cnn_c import AllCNNC
from descentlab.models.autoencoder import Autoencoder
from descentlab.models.cnn_2c2d import CNN2c2d
from descentlab.models.cnn_3c3d import CNN3c3d
from descentlab.models.convolution import Shortcut
from descentlab.models.gpt import GPT
from descentlab.models.init import GAINS, LINEAR_AT_ZERO, initialise, scale_branches
from descentlab.models.mlp import ACTIVATIONS, MLP
from descentlab.models.recurrent import Recurrent, set_orthogonal
from descentlab.models.resnet import ResNet
from descentlab.models.torchvision_net import TorchvisionNet
from descentlab.models.wide_resnet import WideResNet

SHAPE = (3, 16, 16)
MAKE = {
    "mlp": lambda **options: MLP(8, 3, [8, 8, 8], activation="gelu", **{"residual": True} | options),
    "mlp_norm": lambda **options: MLP(8, 3, [8, 8], norm="layer", activation="silu", **{"residual": True} | options),
    "cnn_2c2d": lambda **options: CNN2c2d(SHAPE, 3, activation="gelu", **{"residual": True} | options),
    "cnn_3c3d": lambda **options: CNN3c3d((3, 32, 32), 3, activation="gelu", **{"residual": True} | options),
    "all_cnn_c": lambda **options: AllCNNC(SHAPE, 3, activation="tanh", norm="batch", **{"residual": True} | options),
    "resnet": lambda **options: ResNet(SHAPE, 3, blocks=2, width=8, **options),
    "resnet_plain": lambda **options: ResNet(SHAPE, 3, blocks=1, width=8, norm="none", **options),
    "wide_resnet": lambda **options: WideResNet(SHAPE, 3, depth=16, widen=1, **options),
    "resnet18": lambda **options: TorchvisionNet(SHAPE, 3, "resnet18", "small", **options),
    "gpt": lambda **options: GPT(11, 6, width=16, layers=2, heads=2, **options),
    "gpt_untied": lambda **options: GPT(11, 6, 16, 2, 2, tied=False, norm_position="post", activation="relu", **options),
}
# The parameters at the ends of residual branches.
ENDS = {
    "mlp": [f"blocks.{block}.layers.0.{kind}" for block in range(3) for kind in ("weight", "bias")],
    "mlp_norm": [f"blocks.{block}.layers.1.{kind}" for block in range(2) for kind in ("weight", "bias")],
    "cnn_2c2d": [f"layers.{block}.layers.0.{kind}" for block in (0, 2) for kind in ("weight", "bias")],
    "cnn_3c3d": ["features.6.layers.0.weight", "features.6.layers.0.bias"],
    "all_cnn_c": [f"layers.{place}.layers.1.{kind}" for place in (1, 2, 7, 8, 16) for kind in ("weight", "bias")],
    "resnet": [f"layers.{block}.second.1.{kind}" for block in range(1, 7) for kind in ("weight", "bias")],
    "resnet_plain": [f"layers.{block}.second.0.{kind}" for block in range(1, 4) for kind in ("weight", "bias")],
    "wide_resnet": [f"layers.{block}.inner.4.weight" for block in range(1, 7)],
    "resnet18": [f"net.layer{n}.{m}.bn2.{kind}" for n in range(1, 5) for m in range(2) for kind in ("weight", "bias")],
}
of_gpt = [f"blocks.{block}.{name}.{kind}" for block in range(2) for name in ("attention.project", "project") for kind in "wb"]
ENDS["gpt"] = ENDS["gpt_untied"] = [name.replace(".w", ".weight").replace(".b", ".bias") for name in of_gpt]
every_network = pytest.mark.parametrize("name", MAKE)


def made(name, **options):
    torch.manual_seed(0)
    return MAKE[name](**options)


def parameters(name, **options):
    return {key: value.detach() for key, value in made(name, **options).named_parameters()}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gain_keeps_the_second_moment_of_a_normal_input(activation):
    function = ACTIVATIONS[activation]()

    def integrand(z):
        return float(function(torch.tensor(z, dtype=torch.float64))) ** 2 * norm.pdf(z)

    moment = quad(integrand, -12, 0)[0] + quad(integrand, 0, 12)[0]
    assert GAINS[activation] ** 2 * moment == pytest.approx(1, rel=1e-7)


@pytest.mark.parametrize("layer", [nn.Linear(20, 12), nn.Linear(12, 20), nn.Conv2d(3, 8, 3), nn.Conv2d(2, 30, 2)], ids=str)
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_orthogonal_layers_multiply_by_their_gain(layer, activation):
    initialise(layer, "orthogonal", activation)
    matrix = layer.weight.detach().flatten(1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(product, GAINS[activation] ** 2 * torch.eye(len(product)), atol=1e-5, rtol=1e-5)
    assert not layer.bias.any()


@every_network
def test_orthogonal_holds_for_every_layer_with_a_gain_of_1_at_the_output(name):
    model = made(name, init="orthogonal")
    layers = {key: layer for key, layer in model.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}
    for key, layer in layers.items():
        matrix = layer.weight.detach().flatten(1)
        product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        gain = float(product.diagonal().mean()) ** 0.5
        torch.testing.assert_close(product, gain**2 * torch.eye(len(product)), atol=1e-5, rtol=1e-5)
        is_last = key == list(layers)[-1]
        inner = "expand" in key if "gpt" in name else not is_last
        assert (gain == pytest.approx(1, rel=1e-5)) == (not inner), key


@pytest.mark.parametrize("scheme", ["glorot", "he", "lecun", "standard"])
def test_schemes_of_convolutions_have_the_deviations_of_their_fans(scheme):
    torch.manual_seed(0)
    layer = nn.Conv2d(40, 60, 3)
    initialise(layer, scheme)
    inputs, outputs = 40 * 9, 60 * 9
    expected = {"glorot": 2 / (inputs + outputs), "he": 2 / inputs, "lecun": 1 / inputs, "standard": 1 / (3 * inputs)}[scheme]
    assert float(layer.weight.detach().std()) == pytest.approx(expected**0.5, rel=0.02)


@pytest.mark.parametrize(("activation", "deviation", "bias"), [("tanh", 0.25, 0.5), ("sigmoid", 1.0, 0.0)])
@pytest.mark.parametrize(("layer", "incoming"), [(nn.Linear(200, 400), 15), (nn.Linear(9, 400), 9), (nn.Conv2d(8, 400, 3), 15)])
def test_units_of_sparse_layers_have_15_inputs(layer, incoming, activation, deviation, bias):
    torch.manual_seed(0)
    initialise(layer, "sparse", activation)
    rows = layer.weight.detach().flatten(1)
    assert set((rows != 0).sum(1).tolist()) == {incoming}
    assert float(rows[rows != 0].std()) == pytest.approx(deviation, rel=0.05)
    assert ((rows != 0).sum(0) > 0).all()  # inputs are chosen for each unit
    assert set(layer.bias.tolist()) == {bias}


def test_sparse_tanh_units_are_those_of_the_logistic_function():
    """tanh(z / 4 + 1 / 2) is a rescaled logistic function, 2 s(z / 2 + 1) - 1, of the sum z of unit weights."""
    torch.manual_seed(0)
    model = Autoencoder(30, 4, [20], "tanh", "sparse")
    layer, x = model.encoder.blocks[0].layers[0], torch.rand(5, 30)
    sums = linear(x, 4 * layer.weight)
    torch.testing.assert_close(model.encoder.blocks[0](x), 2 * torch.sigmoid(sums / 2 + 1) - 1)
    assert not model.decoder.head.bias.any()


@every_network
def test_residual_divides_the_ends_of_branches_by_the_root_of_their_number(name):
    plain, scaled = parameters(name), parameters(name, init="residual")
    branches = len([key for key in ENDS[name] if key.endswith("weight")])
    for key, value in plain.items():
        is_end = key in ENDS[name] and "gpt" not in name  # GPT-2's default is scaled already
        torch.testing.assert_close(scaled[key], value * (branches**-0.5 if is_end else 1.0))
    assert ENDS[name] == [key for key in ENDS[name] if key in plain]


@every_network
def test_zero_last_sets_the_ends_of_branches_to_zero_and_nothing_else(name):
    plain, zero = parameters(name), parameters(name, init="zero-last")
    for key, value in plain.items():
        assert torch.equal(zero[key], torch.zeros_like(value) if key in ENDS[name] else value), key


def test_blocks_are_their_shortcuts_under_zero_last():
    torch.manual_seed(0)
    x, images = torch.randn(5, 8), torch.randn(4, *SHAPE)
    for name in ("mlp", "mlp_norm"):
        torch.testing.assert_close(made(name, init="zero-last").blocks(x), x)
    model = made("resnet", init="zero-last")
    features = model.layers[0](images)
    torch.testing.assert_close(model.layers[1](features), relu(features))
    model = made("wide_resnet", init="zero-last")
    features = model.layers[:2](images)
    torch.testing.assert_close(model.layers[2](features), features)
    first = made("cnn_2c2d", init="zero-last").layers[0]
    assert isinstance(first, Shortcut)
    torch.testing.assert_close(first(images), pad(images, (0, 0, 0, 0, 0, 29)))
    gpt, ids = made("gpt", init="zero-last"), torch.randint(11, (3, 6))
    torch.testing.assert_close(gpt(ids), linear(gpt.norm(gpt.embed(ids)), gpt.embed.weight))


@every_network
def test_branches_of_zeros_receive_a_gradient(name):
    model = made(name, init="zero-last")
    inputs = torch.randint(11, (4, 6)) if "gpt" in name else torch.randn(4, *((8,) if "mlp" in name else (3, 32, 32)))
    if name in ("cnn_2c2d", "all_cnn_c", "resnet", "resnet_plain", "wide_resnet", "resnet18"):
        inputs = torch.randn(4, *SHAPE)
    outputs = model(inputs)
    (outputs * torch.randn_like(outputs)).sum().backward()
    ends = [dict(model.named_parameters())[key] for key in ENDS[name] if key.endswith("weight")]
    assert all(float(end.grad.abs().max()) > 0 for end in ends)


@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {*LINEAR_AT_ZERO}))
def test_a_branch_that_would_stay_zero_or_is_not_zero_is_refused(activation):
    with pytest.raises(ValueError, match=r"zero-last with model\.activation="):
        MLP(8, 3, [8, 8], activation=activation, init="zero-last", residual=True)
    MLP(8, 3, [8, 8], activation=activation, init="residual", residual=True)


@pytest.mark.parametrize("activation", LINEAR_AT_ZERO)
def test_activations_after_a_branch_of_zeros_are_zero_with_a_slope(activation):
    z = torch.zeros((), requires_grad=True)
    value = ACTIVATIONS[activation]()(z)
    value.backward()
    assert value == 0
    assert z.grad != 0


@pytest.mark.parametrize("scheme", ["residual", "zero-last"])
def test_a_network_without_branches_refuses_the_schemes_of_branches(scheme):
    makes = [
        lambda: MLP(8, 3, [8, 8], init=scheme),
        lambda: CNN2c2d(SHAPE, 3, init=scheme),
        lambda: ResNet(SHAPE, 3, blocks=1, width=8, init=scheme, residual=False),
        lambda: GPT(11, 6, 16, 2, 2, init=scheme, residual=False),
        lambda: TorchvisionNet((3, 32, 32), 3, "squeezenet1_1", init=scheme),
    ]
    for make in makes:
        with pytest.raises(ValueError, match=rf"model\.init={scheme} is for residual branches"):
            make()
    scale_branches([], "glorot")


@pytest.mark.parametrize(
    "words", ["model=linear task=regression problem=diabetes_linear model.init=residual", "model.init=xavier"]
)
def test_unknown_scheme_is_refused_before_a_run_starts(words):
    assert any("model.init=" in mistake for mistake in compose_config(*words.split())[2])


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_orthogonal_recurrent_matrices(cell, gates):
    torch.manual_seed(0)
    model = Recurrent(7, 3, cell, width=10, layers=2, init="orthogonal")
    found = {name: weight.detach() for name, weight in model.cells.named_parameters() if name.startswith("weight_hh")}
    assert len(found) == 2
    for weight in found.values():
        matrices = weight.split(10)
        assert len(matrices) == gates
        for matrix in matrices:
            torch.testing.assert_close(matrix @ matrix.T, torch.eye(10), atol=1e-5, rtol=1e-5)
    assert len({float(matrix[0, 0]) for weight in found.values() for matrix in weight.split(10)}) == 2 * gates


def test_radius_of_an_orthogonal_recurrent_matrix_is_the_given_one():
    torch.manual_seed(0)
    model = Recurrent(7, 3, "rnn", width=10, init="orthogonal", init_radius=2.0)
    weight = model.cells.weight_hh_l0.detach()
    torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(10), atol=1e-5, rtol=1e-5)
    matrix = torch.empty(20, 10)
    set_orthogonal(matrix)
    torch.testing.assert_close(matrix.T @ matrix, 2 * torch.eye(10), atol=1e-5, rtol=1e-5)
