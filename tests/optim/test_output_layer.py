"""The output layer of every kind of model."""

import pytest
from torch import nn

from descentlab.models.all_cnn_c import AllCNNC
from descentlab.models.autoencoder import Autoencoder
from descentlab.models.cnn_2c2d import CNN2c2d
from descentlab.models.cnn_3c3d import CNN3c3d
from descentlab.models.gpt import GPT
from descentlab.models.linear import Linear
from descentlab.models.mlp import MLP
from descentlab.models.point import Point
from descentlab.models.recurrent import Recurrent
from descentlab.models.torchvision_net import TorchvisionNet
from descentlab.models.wide_resnet import WideResNet
from descentlab.optim.output_layer import output_layer_names

SHAPE = (3, 16, 16)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (MLP(4, 3, [5, 6]), "head"),
        (MLP(4, 3, []), None),
        (Linear(4, 3), None),
        (CNN2c2d(SHAPE, 3), "layers.9"),
        (CNN3c3d(SHAPE, 3), "head.4"),
        (AllCNNC(SHAPE, 3), "layers.19"),
        (WideResNet(SHAPE, 3, depth=10, widen=1), "head"),
        (TorchvisionNet(SHAPE, 3, "resnet18", "small"), "net.fc"),
        (Recurrent(7, 3, "rnn", 4), "head"),
        (GPT(7, 4, 8, 1, 2), None),
        (Autoencoder(8, 2, [5]), "decoder.head"),
        (nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2), nn.LayerNorm(2)), "1"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_output_layer(model, layer):
    names = output_layer_names(model)
    expected = {f"{layer}.{kind}" for kind in ("weight", "bias")} if layer else set()
    assert names == expected
    assert names <= set(dict(model.named_parameters()))


def test_output_layer_without_a_bias():
    assert output_layer_names(GPT(7, 4, 8, 1, 2, tied=False)) == {"head.weight"}


def test_a_point_has_no_layers():
    assert output_layer_names(Point("saddle", 2)) == set()
