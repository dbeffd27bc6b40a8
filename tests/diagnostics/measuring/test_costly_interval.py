"""The second measurement of costly probes waits until the budget allows it."""

from __future__ import annotations

import pytest

from descentlab.diagnostics.measuring.costly_interval import CostlyInterval


def measured_steps(interval: CostlyInterval, steps: int, costs: list[float], pace: float = 0.01) -> list[int]:
    """Return the steps of a run of `steps` at which probes with these costs are measured; the last cost repeats."""
    found = []
    for step in range(0, steps, interval.row):
        is_due = interval.is_due(step)
        interval.decide(step, step * pace)
        if is_due:
            interval.add(step, step * pace, costs[min(len(found), len(costs) - 1)])
            found.append(step)
    return found


def test_an_interval_that_is_given_stays():
    assert measured_steps(CostlyInterval(0.03, 10, 20), 50, [1.0]) == [0, 20, 40]


@pytest.mark.parametrize("cost", [0.5, 5.0])
def test_a_costly_probe_keeps_the_budget_from_the_second_measurement_on(cost):
    interval = CostlyInterval(0.03, 10)
    found = measured_steps(interval, 200_000, [2 * cost, cost])
    assert found[0] == 0
    assert 2 * cost <= 0.03 * found[1] * 0.01
    assert cost <= 0.03 * interval.steps * 0.01
    assert len(found) * cost <= 2 * 0.03 * 200_000 * 0.01


def test_a_probe_that_costs_more_than_the_budget_of_the_run_is_measured_once():
    assert measured_steps(CostlyInterval(0.03, 10), 1000, [1.0]) == [0]


def test_a_costly_probe_that_turns_out_cheap_is_measured_often():
    assert measured_steps(CostlyInterval(0.03, 10), 50, [0.002, 0.002]) == [0, 20, 30, 40]
