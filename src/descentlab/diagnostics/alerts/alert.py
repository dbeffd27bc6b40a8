"""The interface of alert rules: what a rule reads, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from descentlab.errors import format_value
from descentlab.store.alert import Alert

Row = dict[str, Any]
ByLayer = Mapping[str, float]


@dataclass
class History:
    """What a run has shown so far.

    Args:
        config: the resolved config of the run.
        choices: the chosen option of each config group.
        total: the planned number of steps, if the budget determines it.
        order: the names of the layers in the order of the model.
        features: the root mean square of each input feature over the first training examples; empty if they are not numbers.
        train: the rows of curves.parquet with a training loss.
        valid: those of validations.
        layers: step -> quantity -> layer -> value.
        diverged_step: the step at which the run diverged.
        nonfinite: the first number that was not finite: step, layer and tensor, as in the record; None if it is not known.
        is_over: True once the run has ended.
    """

    config: Mapping[str, Any]
    choices: Mapping[str, str]
    total: int | None
    order: Sequence[str] = ()
    features: Sequence[float] = ()
    train: list[Row] = field(default_factory=list)
    valid: list[Row] = field(default_factory=list)
    layers: dict[int, dict[str, dict[str, float]]] = field(default_factory=dict)
    diverged_step: int | None = None
    nonfinite: Mapping[str, Any] | None = None
    is_over: bool = False

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows of the curves."""
        for row in rows:
            if "train/loss" in row:
                self.train.append(row)
            if "valid/loss" in row:
                self.valid.append(row)

    def add_layers(self, rows: Sequence[Row]) -> None:
        """Add rows about layers."""
        for row in rows:
            quantities = self.layers.setdefault(row["step"], {})
            for name, value in row.items():
                if name not in ("step", "layer"):
                    quantities.setdefault(name, {})[row["layer"]] = value

    @property
    def initial_loss(self) -> float | None:
        """The validation loss before the first step, which varies less than the training loss of the first batch.

        Without a validation, the training loss of the first batch is returned; also if the two differ by more than a factor of
        2 and are therefore not comparable, for example because a loss is summed over a batch. None if it is not known yet.
        """
        valid = self.valid[0]["valid/loss"] if self.valid and self.valid[0]["step"] == 0 else None
        train = self.train[0]["train/loss"] if self.train else None
        if train is None or valid is None:
            return valid if train is None else train
        return valid if min(2 * valid, valid / 2) <= train <= max(2 * valid, valid / 2) else train

    def in_order(self, values: ByLayer) -> dict[str, float]:
        """Return `values` in the order of the layers in the model, without layers whose value is unknown."""
        known = {layer: value for layer, value in values.items() if value is not None}
        places = {layer: place for place, layer in enumerate(self.order)}
        return dict(sorted(known.items(), key=lambda each: places.get(each[0], len(places))))

    def setting(self, key: str) -> Any:
        """Return the value of a dotted key of the config; None if the config does not have it."""
        node: Any = self.config
        for part in key.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return None
            node = node[part]
        return node

    def fixes(self, *candidates: str) -> list[str]:
        """Return those of `candidates` that would change this run's config, each once.

        Args:
            candidates: overrides such as model.residual=true or optimizer=adam. Several that belong together are separated by
                spaces: those that the config has already are left out, and all of them if it lacks the key of one.
        """
        found = (self._effective(candidate.split()) for candidate in candidates)
        return list(dict.fromkeys(filter(None, found)))

    def _effective(self, overrides: Sequence[str]) -> str:
        """Return those of `overrides` that change the config, as words of a command; empty if a key is unknown."""
        pairs = [override.split("=", 1) for override in overrides]
        if not all(self._is_known(key) for key, _ in pairs):
            return ""
        return " ".join(f"{key}={value}" for key, value in pairs if self._changes(key, value))

    def _is_known(self, key: str) -> bool:
        parent, _, last = key.rpartition(".")
        node = self.setting(parent) if parent else self.config
        return key in self.choices or (isinstance(node, Mapping) and last in node)

    def _changes(self, key: str, value: str) -> bool:
        if key in self.choices:
            return self.choices[key] != value
        return _normalised(format_value(self.setting(key))) != _normalised(value)


def _normalised(text: str) -> str | float:
    """Return `text`, or the number that it is."""
    try:
        return float(text)
    except ValueError:
        return "".join(text.split())


class Rule(Protocol):
    """Looks for one kind of problem. Its thresholds are its constructor's arguments."""

    name: str

    def check(self, history: History) -> Alert | None:
        """Return the alert as soon as `history` shows the problem. Called after new rows, until it returns one."""
        ...


__all__ = ["Alert", "ByLayer", "History", "Row", "Rule"]
