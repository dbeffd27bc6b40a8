"""The rotation of the neurons of runs, in comparison with its equilibrium under AdamW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from descentlab.store.record import read_layers
from descentlab.studies.quantities.equilibrium_rotation import equilibrium_rotation
from descentlab.studies.quantities.neuron_rotation import Rotation, neuron_rotation
from descentlab.studies.runs import Ended, Row, positions

Part = Literal["mean", "lowest", "highest", "ratio", "spread"]


def rotation(ended: Sequence[Ended], part: Part, relative: bool = False, share: float = 1 / 3) -> list[Row]:
    """Return a part of `neuron_rotation` of each run that has measured the angles of neurons.

    Args:
        ended: the runs.
        part: the mean over neurons, that of the slowest or fastest layer, the ratio of these two, or the spread over neurons.
        relative: angles are divided by `equilibrium_rotation` of the run's lr, decay.rate and first beta; without decay,
            runs have no value.
        share: the last part of the run, which counts.

    Raises:
        ValueError: `part` is not known.
    """
    places = positions(ended)
    found: list[Row] = []
    for each in ended:
        angles = read_layers(each.record.folder)
        measured = neuron_rotation(angles, share) if "neuron_angle" in angles.columns else None
        scale = equilibrium(each.record.config) if relative else 1.0
        value = None if measured is None or scale is None else _part(measured, part, scale)
        found.append((each.run.arm, places[each.run.x], each.run.seed, value))
    return found


def _part(measured: Rotation, part: Part, scale: float) -> float:
    angles = {"mean": measured.mean, "lowest": min(measured.layers.values()), "highest": max(measured.layers.values())}
    parts = {**{name: angle / scale for name, angle in angles.items()}, "ratio": measured.ratio, "spread": measured.spread}
    if part not in parts:
        raise ValueError(f"no part {part} of a rotation; there are {', '.join(parts)}")
    return parts[part]


def equilibrium(config: Mapping[str, Any]) -> float | None:
    """Return the equilibrium rotation of AdamW with the settings of a run; None without decay, which has no equilibrium."""
    optimizer = config["optimizer"]
    if not config["decay"]["rate"]:
        return None
    return equilibrium_rotation(optimizer["lr"], config["decay"]["rate"], optimizer["betas"][0])
