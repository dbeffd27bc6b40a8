"""Build the objects that a resolved config names by `_target_`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from descentlab.errors import UsageError

T = TypeVar("T")


def build(node: Mapping[str, Any]) -> Any:
    """Return the object that `node` describes, built with plain lists and dicts. Raises the errors of its class."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or error from None


def build_a(kind: type[T], group: str, node: Mapping[str, Any]) -> T:
    """Return the object that `node` describes, an instance of `kind`.

    Args:
        kind: the class that the object must have.
        group: the name of the node, for the message.
        node: a config node with the key `_target_`.

    Raises:
        UsageError: the object is not an instance of `kind`.
    """
    built = build(node)
    if not isinstance(built, kind):
        raise UsageError(f"{group}._target_={node['_target_']} gives a {type(built).__name__}, not a {kind.__name__}")
    return built
