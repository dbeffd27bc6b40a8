"""Networks for images: published numbers of parameters, shapes, and refused arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, relu

from descentlab.models.all_cnn_c import AllCNNC
from descentlab.models.cnn_3c3d import CNN3c3d
from descentlab.models.resnet import ResidualBlock, ResNet
from descentlab.models.torchvision_net import TorchvisionNet
from descentlab.models.wide_resnet import WideBlock, WideResNet

CIFAR, FASHION = (3, 32, 32), (1, 28, 28)
MAKE = {
    "resnet": ResNet,
    "wide_resnet": WideResNet,
    "cnn_3c3d": CNN3c3d,
    "all_cnn_c": AllCNNC,
    "resnet18": lambda *shape: TorchvisionNet(*shape, name="resnet18", stem="small"),
}


def count(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("model", "parameters", "tolerance"),
    [
        (lambda: ResNet(CIFAR, 10, blocks=3), 0.27e6, 0.005e6),  # He et al., table 6
        (lambda: ResNet(CIFAR, 10, blocks=9), 0.85e6, 0.01e6),  # ResNet-56
        (lambda: WideResNet(CIFAR, 10, depth=16, widen=4), 2.75e6, 0.01e6),
        (lambda: WideResNet(CIFAR, 10, depth=28, widen=10), 36.5e6, 0.05e6),  # Zagoruyko and Komodakis, table 4
        (lambda: CNN3c3d(CIFAR, 10), 895_210, 0),  # DeepOBS's
        (lambda: AllCNNC(CIFAR, 10), 1.37e6, 0.01e6),  # Springenberg et al., table 3: 1.3 M
        (lambda: TorchvisionNet(CIFAR, 10, "resnet18", "small"), 11_173_962, 0),
        (lambda: TorchvisionNet((3, 224, 224), 1000, "resnet50"), 25_557_032, 0),  # torchvision's own documentation
    ],
    ids=["resnet20", "resnet56", "wrn_16_4", "wrn_28_10", "3c3d", "all_cnn_c", "resnet18_small", "resnet50"],
)
def test_numbers_of_parameters_are_those_published(model, parameters, tolerance):
    with torch.device("meta") if parameters > 3e7 else torch.device("cpu"):
        assert abs(count(model()) - parameters) <= tolerance


@pytest.mark.parametrize("shape", [CIFAR, FASHION], ids=["cifar", "fashion"])
@pytest.mark.parametrize("name", MAKE)
def test_outputs_are_logits_and_every_weight_has_a_gradient(name, shape):
    torch.manual_seed(0)
    model = MAKE[name](shape, 7)
    outputs = model(torch.randn(2, *shape))
    assert outputs.shape == (2, 7)
    outputs.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert any(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_residual_block_equals_the_papers():
    """The shortcut of option A: every second pixel, and zeros for additional channels."""
    torch.manual_seed(0)
    block, x = ResidualBlock(4, 8, 2, nn.BatchNorm2d).eval(), torch.randn(2, 4, 6, 6)
    inner = relu(conv2d(x, block.first[0].weight, stride=2, padding=1) / (1 + 1e-5) ** 0.5)
    inner = conv2d(inner, block.second[0].weight, padding=1) / (1 + 1e-5) ** 0.5
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(2, 4, 3, 3)], 1)
    torch.testing.assert_close(block(x), relu(inner + shortcut), rtol=1e-4, atol=1e-5)


def test_wide_block_of_the_same_shape_has_an_identity_shortcut():
    block, x = WideBlock(4, 4, 1, 0.0), torch.randn(2, 4, 6, 6)
    nn.init.zeros_(block.inner[-1].weight)
    assert torch.equal(block(x), x)
    assert block.shortcut is None


def test_group_normalization_has_no_buffers_and_is_independent_of_the_batch():
    model, images = ResNet(FASHION, 10, 1, 8, norm="group"), torch.randn(4, *FASHION)
    assert list(model.buffers()) == []
    torch.testing.assert_close(model(images)[:1], model(images[:1]))
    assert list(ResNet(FASHION, 10, 1, 8).buffers())


def test_all_cnn_c_has_only_convolutions_and_a_final_mean():
    model = AllCNNC(CIFAR, 10).eval()
    kinds = {type(module) for module in model.layers}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.Dropout}
    maps = model.layers(torch.randn(2, *CIFAR))
    assert maps.shape == (2, 10, 6, 6)  # table 1


def test_3c3d_pools_as_published():
    model = CNN3c3d(CIFAR, 10)
    sizes = [model.features[:stop](torch.zeros(1, *CIFAR)).shape[2:] for stop in (3, 6, 9)]
    assert [tuple(size) for size in sizes] == [(14, 14), (6, 6), (3, 3)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResNet(CIFAR, 10, norm="rms"), "none, batch, layer, group"),
        (lambda: WideResNet(CIFAR, 10, depth=17), "6 n \\+ 4"),
        (lambda: TorchvisionNet(CIFAR, 10, "vgg11", "small"), "different stem"),
        (lambda: TorchvisionNet(FASHION, 10, "resnet18"), "3 channels, not of 1"),
        (lambda: TorchvisionNet(CIFAR, 10, "resnet18", "large"), "imagenet or small"),
        (lambda: TorchvisionNet(CIFAR, 10, "resnet19"), "resnet19"),
    ],
)
def test_incompatible_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
