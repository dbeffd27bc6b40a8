"""Intervals follow from two measurements of the cost."""

from __future__ import annotations

import pytest

from descentlab.diagnostics.angular_update import AngularUpdate
from descentlab.diagnostics.dead_units import DeadUnits
from descentlab.diagnostics.grad_norm import GradNorm
from descentlab.diagnostics.layer_norms import LayerNorms
from descentlab.diagnostics.measuring.interval import LEAST, LONGEST, Interval
from descentlab.diagnostics.measuring.tiers import LIGHT, tiers_of
from descentlab.diagnostics.update_norm import UpdateNorm


def fixed(budget: float, cost: float, pace: float = 1e-3, row: int = 10, rows: float = 0.0) -> int | None:
    """Return the interval after two measurements, the second of which took `cost` seconds; a step takes `pace`."""
    interval = Interval(budget, row)
    interval.add(0, 0.0, 100 * cost, rows)
    assert (interval.steps, interval.missing) == (None, 1)
    interval.add(row, row * pace, cost, rows)
    return interval.steps


@pytest.mark.parametrize(
    ("cost", "steps"), [(1e-5, 10), (1e-4, 10), (1.1e-4, 20), (4e-4, 50), (6e-4, 100), (1e-2, 1000), (1e9, LONGEST)]
)
def test_the_interval_is_the_shortest_nice_one_whose_cost_is_within_the_budget(cost, steps):
    assert fixed(0.01, cost) == steps
    if steps < LONGEST:
        assert cost <= 0.01 * 1e-3 * steps


def test_the_measurements_of_rows_are_part_of_the_budget():
    assert fixed(0.01, 0.99e-4, rows=0.0) == 10
    assert fixed(0.01, 1e-4, rows=0.5e-4) == 20
    assert fixed(0.01, 0.99e-4, rows=1.0) == 10 / LEAST


def test_an_interval_that_is_given_or_restored_stays():
    interval = Interval(0.01, 10, 70)
    interval.add(0, 0.0, 1.0)
    interval.add(70, 1.0, 1e9)
    assert interval.steps == 70
    assert [step for step in range(0, 200, 10) if interval.is_due(step)] == [0, 70, 140]


def test_rows_are_measured_until_the_interval_is_fixed():
    assert all(Interval(0.01, 10).is_due(step) for step in range(0, 50, 10))


class Full:
    cost, needs = "full", ("model",)

    def __init__(self, name: str) -> None:
        self.name = name

    def measure(self, context):
        return {}


def test_light_probes_that_evaluate_the_model_and_each_full_probe_have_an_interval_of_their_own():
    probes = [GradNorm(), Full("a"), LayerNorms(), DeadUnits(), AngularUpdate(), Full("b"), UpdateNorm()]
    tiers = {tier.name: tier for tier in tiers_of(probes, 0.03, None, 10)}
    names = {name: [probe.name for probe in tier.probes] for name, tier in tiers.items()}
    light = {"light": ["layer_norms", "angular_update"], "light_model": ["dead_units"]}
    assert names == {"row": ["grad_norm", "update_norm"], **light, "a": ["a"], "b": ["b"]}
    shares = {name: tier.interval.budget / 0.03 for name, tier in tiers.items() if name != "row"}
    assert shares == pytest.approx({"light": LIGHT / 2, "light_model": LIGHT / 2, "a": (1 - LIGHT) / 2, "b": (1 - LIGHT) / 2})
    assert {tier.interval.steps for tier in tiers_of(probes, 0.03, 12, 10) if tier.name != "row"} == {20}
