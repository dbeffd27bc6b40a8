"""The search space of a config: the node `search`, which gives the range of each hyperparameter that is tuned.

A key is one of the node `optimizer` (lr), or else any key of the config (clip.norm, batch_size). A range is `[low, high]`
(log-uniform), `{low: ..., high: ..., scale: linear|log}`, with `integer: true` for whole numbers, or `{choices: [...]}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from descentlab.config.ranges import constraint_of, look_up
from descentlab.errors import format_value, no_such_key
from descentlab.store.record import NOT_IDENTITY

SCALES = ("linear", "log")
INTERVAL_KEYS = ("low", "high", "scale", "integer")
EXAMPLE = "[1.0e-5, 0.1] (log-uniform), {low: 0.8, high: 0.99, scale: linear} or {choices: [1, 2, 4]}"
DIGITS = 4  # significant digits of a point on a log scale; on a linear scale, steps of 1e-4 of the order of the width
NOT_TUNED = (*NOT_IDENTITY, "seed", "data_seed")


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`, uniform on a linear or a logarithmic scale; `integer`: whole numbers only."""

    low: float
    high: float
    log: bool = True
    integer: bool = False

    def at(self, unit: float) -> float:
        """Return the value at the position `unit` in [0, 1], rounded so that names of runs stay short."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.integer else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
            value = float(f"{value:.{DIGITS}g}")
        else:
            value = round(low + unit * (high - low), DIGITS - math.floor(math.log10(high - low)))
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else float(value)


@dataclass(frozen=True)
class Choices:
    """A finite set of values, each with the same probability."""

    options: tuple[Any, ...]

    def at(self, unit: float) -> Any:
        """Return the option at the position `unit` in [0, 1]."""
        return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]


Range = Interval | Choices


def search_space(config: Mapping[str, Any]) -> dict[str, Range]:
    """Return the range of each tuned key, by its dotted key in the config. `config` has passed `invalid_search`."""
    return {key: _parse(node) for key, _, node in _entries(config, config["search"])}


def invalid_search(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each mistake in the node `search` of a resolved config."""
    search = config.get("search") or {}
    if not isinstance(search, Mapping):
        yield f"search={format_value(search)} is not allowed: it maps keys to ranges, as {{lr: [1.0e-5, 0.1]}}"
        return
    seen: set[str] = set()
    for key, name, node in _entries(config, search):
        if key in seen:
            yield f"search.{name}: {key} is given twice"
        elif mistakes := list(_invalid_range(f"search.{name}", node)):
            yield from mistakes
        else:
            yield from _unusable(config, key, name, _parse(node))
        seen.add(key)


def _entries(config: Mapping[str, Any], search: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield the dotted key in the config, the key below `search` and the range of each entry; nodes may be nested."""
    for key, node in search.items():
        name = f"{path}{key}"
        if isinstance(node, Mapping) and node and not {*node} & {*INTERVAL_KEYS, "choices"}:
            yield from _entries(config, node, f"{name}.")
        else:
            other = "." in name or (name in config and name not in config["optimizer"])
            yield name if other else f"optimizer.{name}", name, node


def _parse(node: Any) -> Range:
    if isinstance(node, list):
        return Interval(*node)
    if "choices" in node:
        return Choices(tuple(node["choices"]))
    return Interval(node["low"], node["high"], node.get("scale", "log") == "log", node.get("integer", False))


def _invalid_range(name: str, node: Any) -> Iterator[str]:
    if isinstance(node, Mapping) and "choices" in node:
        if len(node) > 1 or not isinstance(node["choices"], list) or not node["choices"]:
            yield f"{name}={format_value(node)} is not allowed: choices is a list of values, and has no other keys next to it"
        elif any(isinstance(option, Mapping) for option in node["choices"]):
            yield f"{name}={format_value(node)} is not allowed: a choice is a single value or a list"
        return
    if isinstance(node, list) and len(node) == 2:
        node = {"low": node[0], "high": node[1]}
    if not isinstance(node, Mapping) or not {"low", "high"} <= {*node}:
        yield f"{name}={format_value(node)} is not allowed: a range is {EXAMPLE}"
        return
    unknown = [key for key in node if key not in INTERVAL_KEYS]
    if unknown:
        yield no_such_key(f"{name}.{unknown[0]}", name, INTERVAL_KEYS)
    elif node.get("scale", "log") not in SCALES:
        yield f"{name}.scale={format_value(node['scale'])} is not allowed: it is one of {', '.join(SCALES)}"
    elif node.get("integer", False) not in (True, False):
        yield f"{name}.integer={format_value(node['integer'])} is not allowed: it is true or false"
    else:
        yield from _invalid_ends(name, node)


def _invalid_ends(name: str, node: Mapping[str, Any]) -> Iterator[str]:
    low, high = node["low"], node["high"]
    whole = node.get("integer", False)
    for end in (low, high):
        if isinstance(end, bool) or not isinstance(end, int if whole else int | float) or not math.isfinite(end):
            yield f"{name}: {format_value(end)} is not {'a whole number' if whole else 'a finite number'}"
            return
    if low >= high:
        yield f"{name}: its low end {low:g} is not below its high end {high:g}"
    elif node.get("scale", "log") == "log" and low <= 0:
        yield f"{name}: on a log scale both ends are positive, and {low:g} is not; scale: linear allows it"


def _unusable(config: Mapping[str, Any], key: str, name: str, values: Range) -> Iterator[str]:
    """Yield a message if the config has no key `key`, if it is not a hyperparameter, or if it cannot take the values."""
    if key.partition(".")[0] in NOT_TUNED:
        yield f"search.{name}: {key} is not a hyperparameter and cannot be tuned"
        return
    found, present = look_up(config, key)
    parent, _, last = key.rpartition(".")
    if isinstance(present, Mapping):
        yield f"search.{name}: {key} has parts; give the range of one of them, as {key}.{next(iter(present), 'key')}"
    elif not found:
        siblings = look_up(config, parent)[1]
        valid = [each for each in siblings if not each.startswith("_")] if isinstance(siblings, Mapping) else []
        yield no_such_key(f"search.{last if parent == 'optimizer' else key}", parent, valid)
    if not found or isinstance(present, Mapping):
        return
    allowed = constraint_of(config, key)
    tried = values.options if isinstance(values, Choices) else (values.low, values.high)
    refused = [value for value in tried if allowed is not None and value not in allowed]
    for value in refused:
        yield f"search.{name}: {format_value(value)} is not allowed: {key} is {allowed}"
    if isinstance(values, Interval) and not refused and allowed is not None and values.at(0.37) not in allowed:
        found = format_value(values.at(0.37))
        yield f"search.{name}: {found} is not allowed: {key} is {allowed}; integer: true gives whole numbers"
