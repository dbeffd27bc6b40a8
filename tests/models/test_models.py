"""Networks: shapes, numbers of parameters, and initial weights."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from descentlab.models.cnn_2c2d import CNN2c2d
from descentlab.models.init import initialise
from descentlab.models.linear import Linear
from descentlab.models.mlp import ACTIVATIONS, MLP


def count(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def dense(model) -> list[nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("shape", [(64,), (1, 8, 8), (4, 16)])
def test_vectors_and_images_are_flattened(shape):
    x = torch.randn(5, *shape)
    for model in (Linear(64, 3), MLP(64, 3, [7])):
        assert model(x).shape == (5, 3)
        assert torch.equal(model(x), model(x.reshape(5, 64)))


def test_linear_is_affine_and_initially_zero():
    model, x = Linear(4, 2), torch.randn(5, 4)
    assert torch.equal(model(x), torch.zeros(5, 2))
    model = Linear(4, 2, init="default")
    torch.testing.assert_close(model(x), x @ model.affine.weight.T + model.affine.bias)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (Linear(64, 10), 650),
        (MLP(784, 10, [256, 128]), 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10),
        (MLP(64, 10, []), 650),
        (MLP(64, 10, [8], norm="batch"), 64 * 8 + 8 + 2 * 8 + 8 * 10 + 10),
        (CNN2c2d([1, 28, 28], 10), 3_274_634),
    ],
)
def test_numbers_of_parameters(model, parameters):
    assert count(model) == parameters


@pytest.fixture(scope="module")
def cnn():
    torch.manual_seed(0)
    return CNN2c2d([1, 28, 28], 10)


def test_initial_2c2d_weights_are_normal_truncated_at_two_deviations(cnn):
    weights = torch.cat([layer.weight.detach().flatten() for layer in cnn.layers if hasattr(layer, "weight")])
    assert float(weights.abs().max()) <= 0.1
    assert float(weights.abs().max()) > 0.0999
    assert float(weights.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(weights.std()) == pytest.approx(0.05 * 0.87963, rel=2e-3)  # the deviation after truncation
    assert float((weights.abs() < 0.05).float().mean()) == pytest.approx(0.6827 / 0.9545, abs=2e-3)


def test_initial_2c2d_biases_are_a_twentieth(cnn):
    for layer in cnn.layers:
        if hasattr(layer, "bias"):
            assert set(layer.bias.tolist()) == {torch.tensor(0.05).item()}


@pytest.mark.parametrize("size", [(1, 28, 28), (3, 7, 9), (1, 5, 5), (2, 8, 6)])
def test_2c2d_pads_as_same_does(size):
    """Comparison with explicit padding: two zeros on each side of a convolution, one more row and column before pooling."""
    model, x = CNN2c2d(size, 4), torch.randn(3, *size)
    conv1, conv2, dense1, dense2 = (layer for layer in model.layers if hasattr(layer, "weight"))
    y = x
    for conv in (conv1, conv2):
        y = F.conv2d(F.pad(y, (2, 2, 2, 2)), conv.weight, conv.bias).relu()
        y = F.max_pool2d(F.pad(y, (0, y.shape[3] % 2, 0, y.shape[2] % 2), value=-math.inf), 2)
    expected = dense2(dense1(y.flatten(1)).relu())
    assert expected.shape == (3, 4)
    torch.testing.assert_close(model(x), expected)


FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "identity": lambda x: x,
}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_mlp_is_dense_activation_dense(activation):
    model, x = MLP(6, 3, [5, 4], activation=activation), torch.randn(7, 6)
    first, second, head = dense(model)
    function = FUNCTIONS[activation]
    torch.testing.assert_close(model(x), head(function(second(function(first(x))))))


def test_every_activation_is_tested():
    assert set(FUNCTIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norm_precedes_the_activation(norm):
    model, x = MLP(6, 3, [5], norm=norm), torch.randn(70, 6)
    first, head = dense(model)
    axis = 0 if norm == "batch" else 1
    z = first(x)
    z = (z - z.mean(axis, keepdim=True)) / (z.var(axis, keepdim=True, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(model(x), head(z.relu()), rtol=1e-4, atol=1e-5)


def test_dropout_drops_its_share_only_in_training():
    model, x = MLP(6, 3, [20_000], activation="sigmoid", dropout=0.25), torch.randn(1, 6)
    hidden = model.blocks(x)
    assert float((hidden == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    model.eval()
    assert (model.blocks(x) != 0).all()
    kept = hidden != 0
    torch.testing.assert_close(hidden[kept], model.blocks(x)[kept] / 0.75)


def test_residual_adds_the_input_where_widths_are_equal():
    x = torch.randn(7, 6)
    model, plain = MLP(6, 3, [6, 4, 4], residual=True), MLP(6, 3, [6, 4, 4])
    plain.load_state_dict(model.state_dict())
    for block, other, adds in zip(model.blocks, plain.blocks, [True, False, True], strict=True):
        inputs = x[:, : dense(block)[0].in_features]
        torch.testing.assert_close(block(inputs), other(inputs) + inputs if adds else other(inputs))


N, M = 400, 300  # inputs, outputs of the layer


@pytest.mark.parametrize(
    ("scheme", "bound", "deviation"),
    [
        ("default", 1 / math.sqrt(N), 1 / math.sqrt(3 * N)),
        ("standard", 1 / math.sqrt(N), 1 / math.sqrt(3 * N)),
        ("glorot", math.sqrt(6 / (N + M)), math.sqrt(2 / (N + M))),
        ("he", None, math.sqrt(2 / N)),
    ],
)
def test_init_schemes_have_their_bounds_and_deviations(scheme, bound, deviation):
    torch.manual_seed(0)
    layer = nn.Linear(N, M)
    initialise(layer, scheme)
    weights = layer.weight.detach()
    assert float(weights.std()) == pytest.approx(deviation, rel=0.01)
    assert float(weights.mean()) == pytest.approx(0.0, abs=0.01 * deviation * 3)
    if bound is None:  # normal: some values exceed three deviations
        assert float((weights.abs() > 3 * deviation).float().mean()) == pytest.approx(0.0027, abs=0.001)
    else:
        assert 0.99 * bound < float(weights.abs().max()) <= bound * 1.000001


@pytest.mark.parametrize("scheme", ["glorot", "he", "standard", "zeros"])
def test_initial_biases_are_zero_except_under_default(scheme):
    layer = nn.Linear(5, 4)
    assert layer.bias.abs().sum() > 0
    initialise(layer, scheme)
    assert layer.bias.tolist() == [0.0] * 4


def test_init_zeros_sets_all_weights_to_zero():
    assert all(not parameter.any() for parameter in MLP(6, 3, [5], init="zeros").parameters())


@pytest.mark.parametrize("make", [lambda: Linear(4, 2, init="xavier"), lambda: MLP(4, 2, [3], init="xavier")])
def test_unknown_init_is_refused_with_the_known_ones(make):
    with pytest.raises(ValueError, match=r"init=xavier.*glorot"):
        make()


@pytest.mark.parametrize("make", [lambda: Linear(9, 3, "he"), lambda: MLP(9, 3, [5], init="he"), lambda: CNN2c2d([1, 5, 5], 2)])
def test_initial_weights_depend_on_the_seed(make):
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(torch.cat([parameter.detach().flatten() for parameter in make().parameters()]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
