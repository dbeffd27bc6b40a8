"""Plan a sweep with records=table: the config that its runs share, and the values of each swept key.

Each value of a key is composed and checked in the base config, which has the first value of every other key. The combinations
are not: a table of 256 x 256 runs needs 511 configs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override

from descentlab.config.command_line import Command
from descentlab.config.compose import compose_all, refuse
from descentlab.config.composed import Composed
from descentlab.config.contradictions import without_effect
from descentlab.config.resolve import resolve
from descentlab.errors import format_value
from descentlab.parallel import ranks
from descentlab.store.table import Axis

# The keys, and the nodes whose keys, may differ between the runs of a table.
VARIED = ("seed", "data_seed", "lr_decay", "clip.norm", "clip.value", "clip.adaptive", "noise.std", "noise.decay", "decay.rate")
VARIED += ("average.decay", "average.start")
VARIED_NODES = ("optimizer", "auxiliary", "groups", "schedule", "momentum_schedule", "decay_schedule")
LOCAL = "descentlab.launchers.local.Local"
PLAIN = ("32-true", "64-true")


@dataclass(frozen=True)
class TablePlan:
    """The runs of a table.

    Args:
        base: the composed config of the first run.
        config: the same, resolved.
        axes: the swept keys. Those that change the order of batches come first.
    """

    base: Composed
    config: Mapping[str, Any]
    axes: Sequence[Axis]

    @property
    def orders(self) -> int:
        """The number of orders of batches; with full batches it does not matter."""
        is_ordered = [any("data_seed" in change for change in axis.changes) for axis in self.axes]
        if self.config["batch_size"] == "full" or not any(is_ordered):
            return 1
        return len(self.axes[is_ordered.index(True)].values)


def plan_table(command: Command) -> TablePlan:
    """Return the plan of a command with records=table.

    Raises:
        UsageError: a config is not valid, or a key cannot be varied in a table, or another setting does not fit one.
    """
    refuse(list(_unfit_command(command)))
    options = command.options()
    first = [values[0] for values in options]
    base, config = _resolved(command, [first])[0]
    refuse([*_unfit_config(config), *without_effect([config], dict.fromkeys(base.overrides))])
    axes = [_axis(command, options, place, base, config) for place, values in enumerate(options) if len(values) > 1]
    changed = [key for axis in axes for key in axis.changes[0]]
    both = dict.fromkeys(key for key in changed if changed.count(key) > 1)
    refuse([f"records=table: {key} depends on several of the swept keys; sweep one of them" for key in both])
    return TablePlan(base, config, sorted(axes, key=lambda axis: "data_seed" not in axis.changes[0]))


def _resolved(command: Command, jobs: Sequence[Sequence[Override]]) -> list[tuple[Composed, dict[str, Any]]]:
    """Return the composed and the resolved config of each of `jobs`.

    Raises:
        UsageError: one is not valid; the message lists the mistakes of all.
    """
    found: list[tuple[Composed, dict[str, Any]]] = []
    mistakes: list[str] = []
    for composed in compose_all(command.composer, jobs):
        config, wrong = resolve(composed.config, composed.choices)
        found.append((composed, config))
        mistakes += wrong
    refuse(mistakes)
    return found


def _axis(
    command: Command, options: Sequence[Sequence[Override]], place: int, base: Composed, config: Mapping[str, Any]
) -> Axis:
    """Return the axis of the word at `place`. Each of its values is composed with the first value of the other words."""
    first, values = [each[0] for each in options], options[place]
    key = first[place].get_key_element().lstrip("+")
    found = _resolved(command, [[*first[:place], value, *first[place + 1 :]] for value in values])
    shown = command.overrides[place].input_line
    if any(composed.choices != base.choices for composed, _ in found):
        refuse([f"{shown}: the runs of a table have the same option of each group; give each option its own command"])
    flat = [_leaves(each) for _, each in found]
    usual = _leaves(config)
    if any(each.keys() != usual.keys() for each in flat):
        refuse([f"{shown}: the values have different structures; records=table varies numbers"])
    changed = [each for each in usual if any(other[each] != usual[each] for other in flat)]
    wrong = [each for each in changed if not _may_vary(each) or not all(_is_number(other[each]) for other in flat)]
    refuse([f"{shown}: {_refusal(each)}" for each in wrong])
    changes = [{each: _distinct(each, other[each]) for each in changed} for other in flat]
    return Axis(key, [_plain(value.value()) for value in values], changes)


def _distinct(key: str, value: float) -> float:
    """Return `value`, or the next larger number for a factor of 1, with which groups of parameters would be merged."""
    is_factor = key == "lr_decay" or (key.startswith("groups.") and key.endswith(".lr"))
    return math.nextafter(1.0, 2.0) if is_factor and value == 1 else value


def _refusal(key: str) -> str:
    return (
        f"{key} cannot differ between the runs of a table, which varies numbers of {', '.join(VARIED_NODES)}, "
        f"{', '.join(VARIED)}; give each value its own command, or leave out records=table"
    )


def _may_vary(key: str) -> bool:
    return key in VARIED or key.partition(".")[0] in VARIED_NODES


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else format_value(value)


def _leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Return the values of nested mappings and lists by dotted key: groups.0.lr."""
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else None
    if items is None:
        return {path: node}
    return {key: value for name, each in items for key, value in _leaves(each, f"{path}.{name}" if path else str(name)).items()}


def _unfit_command(command: Command) -> Iterator[str]:
    """Yield a message for each part of the command that does not fit a table, whatever the config."""
    if command.is_tuner:
        yield "records=table: hydra/sweeper=tune needs a folder for each run; leave one of them out"
    if command.launcher["_target_"] != LOCAL:
        yield "records=table: a table is trained on this machine only; leave out hydra/launcher"
    if ranks.started_outside():
        yield "records=table: torchrun and srun start one run; start the table without them"
    if not any(override.is_sweep_override() for override in command.overrides):
        yield "records=table: there is one run; sweep the values of a key, as in -m 'optimizer.lr=logspace(-3,0,32)'"
    if any("logger" in override.key_or_group and override.value() not in ("none", None) for override in command.overrides):
        yield "records=table: runs in a table are not logged to W&B; leave out logger"


def _unfit_config(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a message for each setting of the base config that a table does not offer."""
    stop, trainer = config["stop"], config["trainer"]
    unfit = {
        "start_from": config["start_from"]["run"] is not None,
        "callbacks": bool(config["callbacks"]),
        "baseline": bool(config["baseline"]),
        "stop.patience": stop["patience"] is not None,
        "stop.at_target": stop["at_target"],
        **{f"stop.{key}": stop[key] is not None for key in ("plateau", "grad_norm", "gap")},
        "budget.seconds": config["budget"]["seconds"] is not None,
        "microbatch": config["microbatch"] is not None,
        "compile": config["compile"],
        "engine": config["engine"] != "lightning",
        "retries": config["retries"] > 0,
        "timeout": config["timeout"] is not None,
        "checkpoint.keep": config["checkpoint"]["keep"],
        "trainer.devices": trainer["devices"] > 1 or trainer["num_nodes"] > 1,
        "trainer.precision": trainer["precision"] not in PLAIN,
    }
    for key, is_given in unfit.items():
        if is_given:
            yield f"records=table: the runs of a table cannot have {key}; leave it out, or leave out records=table"
