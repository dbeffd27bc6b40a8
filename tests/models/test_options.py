"""Norms, activations, dropout and shortcuts as options of the convolutional networks and of GPT."""

from __future__ import annotations

import pytest
import torch
from conftest import ROOT, compose_config
from torch import nn
from torch.nn.functional import conv2d, gelu, group_norm, linear, pad, rms_norm, silu

from descentlab.config.constraints import Choice
from descentlab.config.signatures import ranges
from descentlab.models.all_cnn_c import AllCNNC
from descentlab.models.cnn_2c2d import CNN2c2d
from descentlab.models.cnn_3c3d import CNN3c3d
from descentlab.models.convolution import NORMS, Shortcut, convolution
from descentlab.models.gpt import GPT
from descentlab.models.mlp import ACTIVATIONS
from descentlab.models.resnet import ResidualBlock, ResNet
from descentlab.models.wide_resnet import WideBlock, WideResNet

SHAPE = (1, 14, 14)
CNNS = {
    "cnn_2c2d": CNN2c2d,
    "cnn_3c3d": lambda shape, outputs, **options: CNN3c3d((1, 28, 28), outputs, **options),
    "all_cnn_c": AllCNNC,
    "resnet": lambda shape, outputs, **options: ResNet(shape, outputs, blocks=1, width=8, **options),
    "wide_resnet": lambda shape, outputs, **options: WideResNet(shape, outputs, depth=10, widen=1, **options),
}
every_cnn = pytest.mark.parametrize("name", CNNS)


def images(name, rows=3):
    return torch.randn(rows, 1, 28, 28) if name == "cnn_3c3d" else torch.randn(rows, *SHAPE)


def modules(model, kind) -> int:
    return sum(isinstance(module, kind) for module in model.modules())


@every_cnn
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", NORMS)
def test_every_weight_of_every_variant_has_a_gradient(name, norm, residual):
    torch.manual_seed(0)
    model = CNNS[name](SHAPE, 5, norm=norm, residual=residual, activation="silu")
    outputs = model(images(name))
    assert outputs.shape == (3, 5)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(parameter.grad.any() for parameter in model.parameters() if parameter.dim() > 1)
    assert modules(model, nn.ReLU) == 0
    assert modules(model, nn.SiLU) > 0
    assert (modules(model, nn.BatchNorm2d) > 0) == (norm == "batch")
    assert (modules(model, nn.GroupNorm) > 0) == (norm in ("layer", "group"))


@every_cnn
def test_a_network_is_the_same_in_training_and_evaluation_without_dropout_and_batch_norm(name):
    model, x = (
        CNNS[name](SHAPE, 5, norm="group", dropout=0.0, **({"input_dropout": 0} if name == "all_cnn_c" else {})),
        images(name),
    )
    assert torch.equal(model(x), model.eval()(x))
    dropped = CNNS[name](SHAPE, 5, norm="group", dropout=0.5)
    assert not torch.equal(dropped(x), dropped(x))


def test_initial_running_statistics_have_seen_no_images():
    model = CNN3c3d((1, 28, 28), 5, norm="batch")
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 3
    assert all(int(norm.num_batches_tracked) == 0 and not norm.running_mean.any() for norm in norms)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(("norm", "groups"), [("layer", 1), ("group", 8)])
def test_shortcut_adds_the_input_to_activation_of_norm_of_convolution(norm, groups):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 16, 3, padding=1)
    (block,), x = convolution(layer, norm, "gelu", residual=True), torch.randn(2, 4, 6, 6)
    inner = gelu(group_norm(conv2d(x, layer.weight, layer.bias, padding=1), groups))
    torch.testing.assert_close(block(x), inner + torch.cat([x, torch.zeros(2, 12, 6, 6)], 1))


@pytest.mark.parametrize(
    ("layer", "adds"),
    [
        (nn.Conv2d(3, 3, 5, padding="same"), True),
        (nn.Conv2d(3, 4, 1), True),
        (nn.Conv2d(4, 3, 3, padding=1), False),
        (nn.Conv2d(3, 4, 3), False),
        (nn.Conv2d(3, 4, 3, stride=2, padding=1), False),
    ],
    ids=str,
)
def test_only_convolutions_that_keep_the_size_have_a_shortcut(layer, adds):
    found = convolution(layer, "none", "relu", residual=True)
    assert isinstance(found[0], Shortcut) == adds
    x = torch.randn(2, layer.in_channels, 6, 6)
    assert (nn.Sequential(*found)(x).shape[2:] == x.shape[2:]) or not adds


@pytest.mark.parametrize("activation", ["silu", "tanh"])
def test_residual_block_without_norm_and_without_shortcut(activation):
    torch.manual_seed(0)
    block, x = ResidualBlock(4, 8, 2, NORMS["none"], activation, residual=True), torch.randn(2, 4, 6, 6)
    plain = ResidualBlock(4, 8, 2, NORMS["none"], activation, residual=False)
    plain.load_state_dict(block.state_dict())
    f = ACTIVATIONS[activation]()
    first, second = block.first[0], block.second[0]
    inner = conv2d(f(conv2d(x, first.weight, first.bias, 2, 1)), second.weight, second.bias, 1, 1)
    torch.testing.assert_close(plain(x), f(inner))
    torch.testing.assert_close(block(x), f(inner + pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))))
    assert not first.bias.any()


def test_wide_block_without_shortcut_is_its_inner_part():
    torch.manual_seed(0)
    block = WideBlock(4, 8, 2, 0.0, residual=False)
    x = torch.randn(2, 4, 6, 6)
    assert block.shortcut is None
    assert torch.equal(block(x), block.inner(block.before(x)))


def gpt(**options):
    torch.manual_seed(0)
    model = GPT(11, 12, width=16, layers=2, heads=2, **options).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def ids():
    return torch.randint(11, (3, 12), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("position", ["pre", "post"])
@pytest.mark.parametrize("residual", [True, False])
def test_gpt_equals_the_formula_of_its_blocks(norm, position, residual):
    model = gpt(norm=norm, norm_position=position, residual=residual, activation="silu", positions="learned")

    def normed(module, x):
        if norm == "rms":
            return x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * module.weight
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * module.weight + module.bias

    x = model.embed(ids()) + model.embed_position.weight
    for block in model.blocks:
        dense = lambda x, block=block: block.project(silu(block.expand(x)))  # noqa: E731
        for module, branch in ((block.norm_attention, block.attention), (block.norm_dense, dense)):
            added = branch(normed(module, x)) if position == "pre" else branch(x)
            x = x + added if residual else added
            x = normed(module, x) if position == "post" else x
    x = normed(model.norm, x) if position == "pre" else x
    torch.testing.assert_close(model(ids()), linear(x, model.embed.weight), rtol=1e-4, atol=1e-4)
    assert isinstance(model.norm, nn.Identity) == (position == "post")


def test_post_normalized_features_have_the_norm_of_the_last_norm():
    model = GPT(11, 12, width=16, layers=2, heads=2, norm="rms", norm_position="post")
    x = model.embed(ids())
    for block in model.blocks:
        x = block(x)
    torch.testing.assert_close(x.square().mean(-1), torch.ones(3, 12), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(rms_norm(x, (16,)), x, rtol=1e-3, atol=1e-3)


def test_gelu_of_gpt_is_the_approximation_of_gpt2():
    assert [block.activation.approximate for block in gpt().blocks] == ["tanh", "tanh"]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("model=mlp model.norm=group", "model.norm"),
        ("problem=fashion_mnist_resnet model.norm=rms", "model.norm"),
        ("problem=shakespeare_gpt model.norm=batch", "model.norm"),
        ("problem=shakespeare_gpt model.norm_position=middle", "model.norm_position"),
        ("problem=fashion_mnist_2c2d model.activation=swish", "model.activation"),
        ("problem=fashion_mnist_2c2d model.dropout=1", "model.dropout"),
    ],
)
def test_unknown_values_are_refused_before_a_run_starts(words, key):
    assert any(mistake.startswith(f"{key}=") and "is not allowed" in mistake for mistake in compose_config(*words.split())[2])


def test_the_options_of_the_documentation_are_those_of_the_networks():
    text = (ROOT / "docs" / "networks.md").read_text()
    allowed = ranges("descentlab.models.cnn_2c2d.CNN2c2d")["init"]
    assert isinstance(allowed, Choice)
    assert all(f"| `{option}` |" in text for option in allowed.options)
    assert all(f"`{name}`" in text for name in ACTIVATIONS)
