"""Options that the convolutional networks share: norm, activation and shortcut of a convolution, initial weights."""

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import pad

from descentlab.models.init import OF_BRANCHES, initialise, scale_branches
from descentlab.models.mlp import ACTIVATIONS

Norm = Literal["none", "batch", "layer", "group"]
Default = Callable[[nn.Conv2d | nn.Linear], None]  # sets the initial weights of a layer
GROUPS = 8  # number of groups in group normalization; fewer channels are normalized individually
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": nn.Identity,
    "batch": nn.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "group": lambda channels: nn.GroupNorm(min(GROUPS, channels), channels),
}


class Shortcut(nn.Module):
    """x + layers(x), with channels of zeros added to x where layers(x) has more (option A of He et al., arXiv:1512.03385).

    Args:
        layers: a convolution that keeps height and width, its norm if it has one, and its activation.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    @property
    def end(self) -> nn.Module:
        """The norm, or without one the convolution: what precedes the activation."""
        return self.layers[-2]

    def forward(self, x: Tensor) -> Tensor:
        added = self.layers(x)
        return added + pad(x, (0, 0, 0, 0, 0, added.shape[1] - x.shape[1]))


def convolution(layer: nn.Conv2d, norm: Norm, activation: str, residual: bool) -> list[nn.Module]:
    """Return the modules of a convolution: the layer, its norm, its activation.

    Args:
        layer: the convolution.
        norm: none; batch; layer, over all channels and positions of an image; or group (Wu and He, arXiv:1803.08494). The last
            two have no running statistics.
        activation: a key of mlp.ACTIVATIONS.
        residual: add the input to the output, if the layer keeps height and width and has no fewer channels than its input.

    Raises:
        ValueError: if the norm is unknown.
    """
    modules = [layer, *([] if norm == "none" else [make_norm(norm, layer.out_channels)]), ACTIVATIONS[activation]()]
    return [Shortcut(*modules)] if residual and _keeps_shape(layer) else modules


def make_norm(norm: str, channels: int) -> nn.Module:
    """Return the norm of a key of NORMS.

    Raises:
        ValueError: if it is unknown.
    """
    if norm not in NORMS:
        raise ValueError(f"model.norm={norm}: it is one of {', '.join(NORMS)}")
    return NORMS[norm](channels)


def end_of(layer: nn.Module, norm: nn.Module) -> nn.Module:
    """Return the norm, or the layer before it if the norm is none."""
    return layer if isinstance(norm, nn.Identity) else norm


def initialise_network(model: nn.Module, scheme: str, activation: str, default: Default = lambda _: None) -> None:
    """Initialize the convolutions and dense layers of `model` in place; the last one is its output layer.

    Args:
        scheme: see `initialise`; the ends of residual branches are scaled separately.
        activation: a key of mlp.ACTIVATIONS, the one between layers.
        default: sets the initial weights of a layer for `scheme` default, and before branches are scaled.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        initialise_layer(layer, scheme, "identity" if layer is layers[-1] else activation, default)


def initialise_layer(layer: nn.Conv2d | nn.Linear, scheme: str, activation: str, default: Default) -> None:
    """Initialize a layer in place, after which `activation` follows: see `initialise_network`."""
    if scheme == "default" or scheme in OF_BRANCHES:
        default(layer)
    else:
        initialise(layer, scheme, activation)


def scale_shortcuts(model: nn.Module, scheme: str, activation: str) -> None:
    """Scale the branches of the Shortcuts of `model` in place: see `scale_branches`."""
    ends: Sequence[nn.Module] = [module.end for module in model.modules() if isinstance(module, Shortcut)]
    scale_branches(ends, scheme, activation)


def _keeps_shape(layer: nn.Conv2d) -> bool:
    same = tuple((size - 1) // 2 for size in layer.kernel_size)
    keeps = layer.stride == (1, 1) and layer.padding in ("same", same)
    return keeps and layer.out_channels >= layer.in_channels
