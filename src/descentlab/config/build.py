"""Build the objects that a resolved config names by `_target_`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from descentlab.errors import UsageError

T = TypeVar("T")


def build(node: Mapping[str, Any]) -> Any:
    """Return the object that `node` describes, built with plain lists and dicts. Raises the errors of its class.

    A node without nested targets, which most are, is built here: Hydra's function takes several milliseconds for each.
    """
    try:
        if not _is_flat(node):
            return instantiate(node, _convert_="all")
        target = _located(node["_target_"])
    except InstantiationException as error:
        raise error.__cause__ or error from None
    arguments = {key: copy.deepcopy(value) for key, value in node.items() if key not in ("_target_", "_partial_")}
    return partial(target, **arguments) if node.get("_partial_") else target(**arguments)


def _is_flat(node: Mapping[str, Any]) -> bool:
    """Return True if `node` names a target and consists of plain values, without further instructions to Hydra."""
    return isinstance(node.get("_target_"), str) and all(
        _is_plain(value) and (key in ("_target_", "_partial_") or not key.startswith("_")) for key, value in node.items()
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and not key.startswith("_") and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and "${" not in value)


@cache
def _located(target: str) -> Callable[..., Any]:
    """Return the class or function with this dotted path, if Hydra permits it as a target."""
    return instantiate({"_target_": target, "_partial_": True}).func


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
