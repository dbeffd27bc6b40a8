"""Tiers of probes: those that share an interval, and so are measured at the same steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from descentlab.diagnostics.measuring.costly_interval import CostlyInterval
from descentlab.diagnostics.measuring.interval import Interval
from descentlab.diagnostics.probe import Probe

LIGHT = 2 / 3  # of the budget, for the probes of rows and the light ones together; the rest is for full ones
ROW = "row"


@dataclass(frozen=True)
class Tier:
    """Probes that are measured at the same steps.

    Args:
        name: row; light; light_model, for the light probes that evaluate the model; or the name of a full probe.
        probes: the probes.
        interval: the steps at which they are measured.
    """

    name: str
    probes: Sequence[Probe]
    interval: Interval

    @cached_property
    def needs(self) -> frozenset[str]:
        """The kinds of tensors that the probes read, "model" among them if they evaluate it."""
        return frozenset(need for probe in self.probes for need in probe.needs)

    @cached_property
    def reads_tensors_only(self) -> bool:
        """True if the probes are descentlab's own and read nothing but the weights and the gradients of the step."""
        own = all(type(probe).__module__.startswith("descentlab.") for probe in self.probes)
        return own and self.needs <= {"weights", "gradients"}

    @property
    def is_light(self) -> bool:
        return self.name.startswith("light")


def tiers_of(probes: Sequence[Probe], budget: float, every: int | None, row: int) -> list[Tier]:
    """Return the tiers of `probes`; light ones first, full ones each by itself.

    Args:
        probes: the probes of a run.
        budget: the largest fraction of the time of training that measurements take.
        every: steps between two measurements of all probes but those of rows; None: as the budget allows.
        row: steps between two rows of the curves.
    """
    groups: dict[str, list[Probe]] = {ROW: []}
    for probe in probes:
        light = "light_model" if "model" in probe.needs else "light"
        groups.setdefault({"row": ROW, "light": light}.get(probe.cost, probe.name), []).append(probe)
    budgets = _budgets(groups, budget)
    fixed = None if every is None else -(-every // row) * row
    return [
        Tier(name, found, _kind(found)(budgets[name], row, row if name == ROW else fixed))
        for name, found in groups.items()
        if found
    ]


def _kind(probes: Sequence[Probe]) -> type[Interval]:
    return CostlyInterval if probes[0].cost == "full" else Interval


def _budgets(groups: Mapping[str, Sequence[Probe]], budget: float) -> dict[str, float]:
    """Return the fraction of the time for each tier."""
    full = [name for name, probes in groups.items() if probes and probes[0].cost == "full"]
    light = [name for name in groups if name.startswith("light") and name not in full]
    shares = {name: LIGHT / len(light) for name in light} | {name: (1 - LIGHT) / len(full) for name in full}
    return {name: budget * shares.get(name, 1.0) for name in groups}
