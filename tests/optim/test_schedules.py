"""Schedules: comparison with hand-computed values and with torch, and which need the number of steps of the run."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from conftest import compose_config, options
from hydra.utils import instantiate
from torch.optim import lr_scheduler

from descentlab.optim.schedules import (
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    ExponentialGrowth,
    InverseSquareRoot,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    WarmupStableDecay,
    in_steps,
)

OPTIONS = options("schedule")
PURE = [option for option in OPTIONS if option != "reduce_on_plateau"]
SECONDS = ("budget.epochs=null", "budget.seconds=5")


def values(schedule, total, steps=None):
    return [schedule(step, total) for step in range(steps or total)]


@cache
def node(option: str) -> dict[str, Any]:
    return compose_config(f"schedule={option}")[0]["schedule"]


def shipped(option: str) -> Schedule:
    return instantiate(node(option), _convert_="all")


def test_constant_is_one():
    assert values(Constant(), 5) == [1.0] * 5
    assert values(Constant(), None, steps=3) == [1.0] * 3


def test_warmup_is_linear():
    assert values(Constant(warmup=4), 7) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0])
    assert values(Constant(warmup=2), None, steps=4) == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])


def test_warmup_may_be_a_fraction_of_the_run():
    assert values(Constant(warmup=0.2), 10) == values(Constant(warmup=2), 10)


@pytest.mark.parametrize("option", OPTIONS)
def test_warmup_precedes_every_shape(option):
    schedule = shipped(option)
    rise = [step / 4 * schedule(0, 20) for step in (1, 2, 3)]
    assert values(replace(schedule, warmup=3), 23) == pytest.approx([*rise, *values(schedule, 20)])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("total", [1, 5, 10])
def test_warmup_longer_than_the_run_only_rises(option, total):
    schedule = replace(shipped(option), warmup=10)
    first = replace(schedule, warmup=0)(0, 1)
    assert values(schedule, total) == pytest.approx([(step + 1) / 11 * first for step in range(total)])


def test_milestones_in_steps():
    assert values(MultiStep(milestones=[2, 4], gamma=0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert values(MultiStep(milestones=[2], gamma=0.1), None, steps=3) == pytest.approx([1, 1, 0.1])


def test_milestones_as_fractions():
    assert values(MultiStep(milestones=[0.5, 0.75], gamma=0.1), 8) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_lengths_count_from_the_end_of_the_warmup():
    expected = pytest.approx([1 / 3, 2 / 3, 1, 1, 0.1, 0.1])
    assert values(MultiStep(milestones=[0.5], gamma=0.1, warmup=2), 6) == expected
    assert values(MultiStep(milestones=[2], gamma=0.1, warmup=2), 6) == expected
    assert values(Step(every=0.5, gamma=0.1, warmup=2), 6) == expected


def test_period_that_does_not_divide_the_run_starts_no_extra_cycle():
    for total in range(4, 200):
        found = values(CosineRestarts(period=0.25), total)
        assert found.count(1.0) == len([step for step in range(total) if step % math.ceil(total / 4) == 0]) <= 4
        assert min(values(Step(every=0.25, gamma=0.1), total)) >= 0.00099


def test_restart_periods_grow():
    found = values(CosineRestarts(period=10, growth=2), 150)
    assert [step for step, value in enumerate(found) if value == 1.0] == [0, 10, 30, 70]


def test_cosine_equals_hand_computed_values():
    half = math.sqrt(0.5)
    assert values(Cosine(), 4) == pytest.approx([1, (1 + half) / 2, 0.5, (1 - half) / 2])


@pytest.mark.parametrize(
    "kind", [Cosine, Polynomial, WarmupStableDecay, lambda final: WarmupStableDecay(decay="1-sqrt", final=final)]
)
def test_decreasing_schedules_start_at_one_and_end_at_final(kind):
    schedule = kind(final=0.1)
    assert schedule(0, 1000) == 1.0
    assert schedule(999, 1000) == pytest.approx(0.1, abs=5e-3)
    assert schedule(1000, 1000) == schedule(2000, 1000) == pytest.approx(0.1)


def test_inverse_square_root_equals_the_transformer_schedule():
    found = values(InverseSquareRoot(warmup=40, timescale=40), None, steps=400)
    assert found[40:] == pytest.approx([math.sqrt(40 / step) for step in range(40, 400)])


def test_warmup_stable_decay_equals_hand_computed_values():
    assert values(WarmupStableDecay(stable=4), 8) == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    found = values(WarmupStableDecay(stable=0.5, decay="1-sqrt"), 8)
    assert found == pytest.approx([1, 1, 1, 1, 1, 0.5, 1 - math.sqrt(0.5), 1 - math.sqrt(0.75)])


def as_torch_does(make, steps, **settings):
    """Return the learning rates, starting from 1, and the momenta of each step under one of torch's schedulers."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    scheduler = make(optimizer, **settings)
    lrs, momenta = [], []
    for _ in range(steps):
        lrs.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if len(lrs) < steps:
            scheduler.step()
    return lrs, momenta


@pytest.mark.parametrize(
    ("ours", "torchs", "settings"),
    [
        (Step(every=30, gamma=0.5), lr_scheduler.StepLR, {"step_size": 30, "gamma": 0.5}),
        (Step(every=0.25), lr_scheduler.StepLR, {"step_size": 50}),
        (MultiStep(milestones=[20, 90, 91]), lr_scheduler.MultiStepLR, {"milestones": [20, 90, 91]}),
        (Exponential(every=1, gamma=0.97), lr_scheduler.ExponentialLR, {"gamma": 0.97}),
        (Polynomial(), lr_scheduler.PolynomialLR, {"total_iters": 200}),
        (Polynomial(power=2.5), lr_scheduler.PolynomialLR, {"total_iters": 200, "power": 2.5}),
        (Cosine(final=0.1), lr_scheduler.CosineAnnealingLR, {"T_max": 200, "eta_min": 0.1}),
        (CosineRestarts(period=40), lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": 40}),
        (
            CosineRestarts(period=0.1, growth=2, final=0.05),
            lr_scheduler.CosineAnnealingWarmRestarts,
            {"T_0": 20, "T_mult": 2, "eta_min": 0.05},
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_schedules_equal_torchs(ours, torchs, settings):
    assert values(ours, 200) == pytest.approx(as_torch_does(torchs, 200, **settings)[0], abs=1e-12)


@pytest.mark.parametrize("anneal", ["cosine", "linear"])
@pytest.mark.parametrize("rise", [0.3, 0.5])
def test_one_cycle_and_its_momentum_equal_torchs(anneal, rise):
    ours = OneCycle(rise=rise, div=10, final_div=100, anneal=anneal, momenta=[0.97, 0.8])
    settings = {"div_factor": 10, "final_div_factor": 100, "anneal_strategy": anneal[:3] if anneal == "cosine" else anneal}
    momenta = {"max_momentum": 0.97, "base_momentum": 0.8}
    lrs, moved = as_torch_does(lr_scheduler.OneCycleLR, 200, max_lr=1.0, total_steps=200, pct_start=rise, **settings, **momenta)
    assert values(ours, 200) == pytest.approx(lrs, abs=1e-12)
    assert [ours.momentum(step, 200) for step in range(200)] == pytest.approx(moved, abs=1e-12)


def test_exponential_growth_has_a_constant_ratio_and_ends_at_one():
    found = values(ExponentialGrowth(first=1e-4), 5)
    assert found == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert values(ExponentialGrowth(first=1e-4), 5, steps=7)[5:] == [1.0, 1.0]


def test_only_one_cycle_schedules_the_momentum():
    moved = {option for option in OPTIONS if shipped(option).momentum(3, 10) is not None}
    assert moved == {"one_cycle"}
    assert OneCycle(momenta=None).momentum(3, 10) is None


def test_momentum_is_constant_during_the_warmup():
    schedule = OneCycle(warmup=5)
    assert [schedule.momentum(step, 25) for step in range(6)] == [0.95] * 6
    assert [schedule.momentum(step, 25) for step in range(5, 25)] == [OneCycle().momentum(step, 20) for step in range(20)]


@pytest.mark.parametrize(("largest", "optimizer"), [(0.99, "nesterov"), (0.9, "momentum"), (0.0, "momentum")])
def test_increasing_momentum_is_that_of_sutskever(largest, optimizer):
    words = (f"optimizer={optimizer}", f"optimizer.momentum={largest}", "schedule@momentum_schedule=increasing_momentum")
    schedule = instantiate(compose_config(*words)[0]["momentum_schedule"], _convert_="all")
    expected = [min(1 - 2 ** (-1 - math.log2(step // 250 + 1)), largest) for step in range(5000)]
    assert [largest * schedule(step, None) for step in range(5000)] == pytest.approx(expected)


@pytest.mark.parametrize("option", PURE)
def test_schedules_are_pure_functions_of_the_step(option):
    schedule = shipped(option)
    expected = values(schedule, 50)
    schedule.observe(1.0)
    schedule.load_state_dict({})
    assert schedule.state_dict() == {}
    order = random.Random(0).sample(range(50), 50)
    assert [schedule(step, 50) for step in order] == [expected[step] for step in order]


@pytest.mark.parametrize("warmup", [0, 0.1, 7])
@pytest.mark.parametrize("option", OPTIONS)
def test_shipped_schedules_are_between_0_and_1(option, warmup):
    schedule = replace(shipped(option), warmup=warmup)
    for total in (1, 2, 3, 10, 97, 1000):
        found = values(schedule, total, steps=total + 5)
        assert all(math.isfinite(value) and 0 <= value <= 1 for value in found), (total, found)


FROM_THE_END = {"cosine", "cosine_restarts", "exponential", "linear", "multistep", "one_cycle", "polynomial", "step"}
FROM_THE_END |= {"exponential_growth", "warmup_stable_decay"}


@pytest.mark.parametrize("option", OPTIONS)
def test_schedules_that_need_the_end_are_refused_without_one(option):
    mistakes = compose_config(f"schedule={option}", *SECONDS)[2]
    assert len(mistakes) == (option in FROM_THE_END) == shipped(option).needs_end
    assert all(message.startswith("schedule") and "budget.steps" in message for message in mistakes)


@pytest.mark.parametrize(
    ("option", "words", "refused"),
    [
        ("step", ["every=20"], False),
        ("multistep", ["milestones=[20,40]"], False),
        ("multistep", ["milestones=[20,0.5]"], True),
        ("exponential", ["every=20"], False),
        ("cosine_restarts", ["period=20"], False),
        ("inverse_square_root", ["timescale=0.1"], True),
        ("warmup_stable_decay", ["stable=20"], True),
        ("one_cycle", ["rise=20"], True),
        *(("constant", [f"warmup={warmup}"], warmup < 1) for warmup in (0.1, 1)),
        *(("reduce_on_plateau", [f"warmup={warmup}"], warmup < 1) for warmup in (0.1, 20)),
    ],
)
def test_fractional_lengths_need_the_end(option, words, refused):
    config, _, mistakes = compose_config(f"schedule={option}", *(f"schedule.{word}" for word in words), *SECONDS)
    assert bool(mistakes) == refused
    schedule = instantiate(config["schedule"], _convert_="all")
    assert schedule.needs_end == refused
    if refused:
        with pytest.raises(ValueError, match=r"budget\.steps"):
            schedule(0, None)


@pytest.mark.parametrize(
    ("amount", "total", "steps"),
    [(0, 10, 0), (0.25, 10, 2), (0.5, 10, 5), (1, 10, 1), (7, 10, 7), (7.0, None, 7), (0, None, 0)],
)
def test_amounts_below_one_are_fractions(amount, total, steps):
    assert in_steps(amount, total) == steps
