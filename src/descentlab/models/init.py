"""Initialization of dense and convolutional layers, and of residual branches."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

LayerInit = Literal["default", "glorot", "he", "lecun", "standard", "orthogonal", "sparse", "zeros"]
Init = Literal["default", "glorot", "he", "lecun", "standard", "orthogonal", "sparse", "zeros", "residual", "zero-last"]
SCHEMES: tuple[str, ...] = get_args(Init)
OF_BRANCHES = ("residual", "zero-last")  # schemes that change the ends of residual branches only
# E[f(z)^2]^(-1/2) of each activation f, z standard normal: with this gain, layers keep the second moment of their inputs.
GAINS = {
    "identity": 1.0,
    "relu": 2**0.5,
    "leaky_relu": (2 / (1 + 0.01**2)) ** 0.5,
    "tanh": 1.5925374197,
    "sigmoid": 1.8462285453,
    "gelu": 1.5335304412,
    "silu": 1.6765324703,
}
INCOMING = 15  # weights of a unit that are not zero under init=sparse
LINEAR_AT_ZERO = ("identity", "leaky_relu", "tanh", "gelu", "silu")  # activations that are 0 at 0 with a slope that is not 0


def initialise(layer: nn.Linear | nn.Conv2d, scheme: str, activation: str = "identity") -> None:
    """Initialize the weights of `layer` in place, and set its bias to zero; `default` and OF_BRANCHES leave them unchanged.

    The only other bias is that of `sparse` before tanh.

    Args:
        scheme: default (torch's), glorot (Glorot and Bengio 2010, eq. 16), he (He et al. 2015, eq. 10), lecun (LeCun et al.
            1998, "Efficient backprop", eq. 16: N(0, 1/n), n inputs), standard (Glorot and Bengio's "commonly used heuristic",
            eq. 1: U[-1/sqrt(n), 1/sqrt(n)]), orthogonal (Saxe et al., arXiv:1312.6120, section 3: orthogonal rows or columns,
            times the gain of the activation; of a convolution, the matrix of its flattened filters), sparse (see `set_sparse`)
            or zeros.
        activation: a key of GAINS, the one after the layer; of an output layer, identity.

    Raises:
        ValueError: if the scheme is unknown.
    """
    if scheme == "default" or scheme in OF_BRANCHES:
        return
    if scheme == "zeros":
        nn.init.zeros_(layer.weight)
    elif scheme == "glorot":
        nn.init.xavier_uniform_(layer.weight)
    elif scheme == "he":
        nn.init.kaiming_normal_(layer.weight)
    elif scheme == "lecun":
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    elif scheme == "sparse":
        set_sparse(layer.weight, 0.25 if activation == "tanh" else 1.0)
    elif scheme == "standard":
        bound = layer.weight[0].numel() ** -0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    elif scheme == "orthogonal":
        nn.init.orthogonal_(layer.weight, GAINS[activation])
    else:
        raise ValueError(f"init={scheme}: one of {', '.join(SCHEMES)}")
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 0.5 if (scheme, activation) == ("sparse", "tanh") else 0.0)


@torch.no_grad()
def set_sparse(weight: Tensor, deviation: float) -> None:
    """Draw the weights of 15 inputs of each unit, chosen at random, from N(0, deviation^2) in place; set the others to zero.

    Before tanh, whose units then compute those of the logistic function up to a factor and an offset, the deviation is 0.25
    and the bias 0.5; otherwise 1 and 0.

    Args:
        weight: (units, ...). A unit with fewer than 15 inputs has no zeros.

    Source: Martens 2010, "Deep learning via Hessian-free optimization", section 5; Sutskever et al. 2013, "On the importance
    of initialization and momentum in deep learning", section 3.1.
    """
    rows = weight.flatten(1)
    chosen = torch.rand(rows.shape).argsort(dim=1) < INCOMING  # of each row, the same number of random positions
    weight.copy_((torch.randn(rows.shape) * deviation * chosen).view_as(weight))


@torch.no_grad()
def scale_branches(ends: Sequence[nn.Module], scheme: str, activation: str = "identity") -> None:
    """Scale the end of each residual branch in place, if `scheme` is one of OF_BRANCHES.

    Args:
        ends: for each residual branch of a network, the norm at its end, whose gain is scaled, or else its last layer.
        scheme: residual: by 1 / sqrt(number of branches), so that the variance of the sum of all branches does not grow with
            their number (Radford et al. 2019, section 2.3); zero-last: by 0, so that each branch is zero at first (Goyal et
            al., arXiv:1706.02677, section 5.1).
        activation: the activation between an end and the addition of its branch.

    Raises:
        ValueError: if there is no branch, or if a branch that is zero would have no gradient or not be zero.
    """
    if scheme not in OF_BRANCHES:
        return
    if not ends:
        raise ValueError(f"model.init={scheme} is for residual branches, which this model does not have: model.residual=true")
    if scheme == "zero-last" and activation not in LINEAR_AT_ZERO:
        raise ValueError(
            f"model.init=zero-last with model.activation={activation}: a branch that ends with it is not zero, or has no "
            f"gradient: model.activation={', '.join(LINEAR_AT_ZERO)}"
        )
    factor = len(ends) ** -0.5 if scheme == "residual" else 0.0
    for parameter in (parameter for end in ends for parameter in end.parameters(recurse=False)):
        parameter.mul_(factor)
