"""Initialization of dense layers."""

from typing import Literal

from torch import nn

Init = Literal["default", "glorot", "he", "standard", "zeros"]


def initialise(layer: nn.Linear, scheme: str) -> None:
    """Initialize the weights of `layer` in place, and set its bias to zero (except for `default`).

    Args:
        scheme: default (torch's), glorot (Glorot and Bengio 2010, eq. 16), he (He et al. 2015, eq. 10), standard (Glorot and
            Bengio's "commonly used heuristic", eq. 1: U[-1/sqrt(n), 1/sqrt(n)], n inputs) or zeros.

    Raises:
        ValueError: if the scheme is unknown.
    """
    if scheme == "default":
        return
    if scheme == "zeros":
        nn.init.zeros_(layer.weight)
    elif scheme == "glorot":
        nn.init.xavier_uniform_(layer.weight)
    elif scheme == "he":
        nn.init.kaiming_normal_(layer.weight)
    elif scheme == "standard":
        bound = layer.in_features**-0.5
        nn.init.uniform_(layer.weight, -bound, bound)
    else:
        raise ValueError(f"init={scheme}: one of default, glorot, he, standard, zeros")
    nn.init.zeros_(layer.bias)
