"""Decay rates of exponential moving averages, given as half-lives in examples: the node `half_life` of a config.

A half-life is the number of examples after which a gradient, or a weight, has half of its first share in an average. With B
examples per step the decay rate is 0.5^(B / half-life), so that a half-life stays the same when batch_size changes (Marek et
al., arXiv:2507.07101, section 3). A sequence of n tokens is one example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DIGITS = 12  # significant digits of a rate, so that the id of a run does not depend on the machine's library of functions
# key of the node -> the node and the key of the rate, and its place if it is a list; the first that exists is set
PLACES: Mapping[str, tuple[tuple[str, str, int | None], ...]] = {
    "momentum": (("optimizer", "momentum", None), ("optimizer", "betas", 0)),
    "second_moment": (("optimizer", "betas", 1), ("optimizer", "alpha", None), ("optimizer", "rho", None)),
    "average": (("average", "decay", None),),
}


def decay_rate(half_life: float, batch_size: int) -> float:
    """Return 0.5^(batch_size / half_life), the factor of an average at each step of `batch_size` examples."""
    return float(f"{0.5 ** (batch_size / half_life):.{DIGITS}g}")


def with_half_lives(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved config in which each rate with a half-life has its value; impossible ones are unchanged."""
    found = dict(config)
    for key, half_life in _given(config):
        place = _place(found, key)
        if place and _is_number(config["batch_size"]) and _is_number(half_life) and half_life > 0:
            node, name, index = place
            rate = decay_rate(half_life, config["batch_size"])
            old = found[node][name]
            new = rate if index is None else [*old[:index], rate, *old[index + 1 :]]
            found[node] = {**found[node], name: new}
    return found


def impossible_half_lives(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each half-life that sets no rate."""
    for key, _ in _given(config):
        if not _is_number(config["batch_size"]):
            yield f"half_life.{key} needs the number of examples of a step: give batch_size as a number"
        elif _place(config, key) is None:
            yield f"half_life.{key}: the optimizer has none of {', '.join(name for _, name, _ in PLACES[key])}"
        elif key == "average" and config["average"]["kind"] != "ema":
            yield "half_life.average has no effect without average.kind=ema"


def _given(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    node = config.get("half_life") or {}
    return [(key, node[key]) for key in PLACES if node.get(key) is not None]


def _place(config: Mapping[str, Any], key: str) -> tuple[str, str, int | None] | None:
    return next((place for place in PLACES[key] if place[1] in config[place[0]]), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
