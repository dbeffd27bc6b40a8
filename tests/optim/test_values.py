"""Scheduled learning rate, momentum and weight decay."""

from functools import partial

import pytest
import pytorch_optimizer
import torch
from torch import nn

from descentlab.data.loading.loader import Part
from descentlab.optim.recipe import Recipe
from descentlab.optim.schedules import Constant, OneCycle, Polynomial, ReduceOnPlateau
from descentlab.optim.step import Step
from descentlab.optim.values import Values

TOTAL = 10
HALF = 5  # the step at which a linear schedule is 1/2


def values(make, **recipe) -> Values:
    recipe = Recipe(optimizer=make, **recipe)
    return Values(recipe.make(nn.Linear(2, 2, bias=False)), recipe)


def group_at(made: Values, step: int) -> dict:
    made.set(step, TOTAL)
    return made.optimizer.param_groups[0]


MOMENTUM = {
    "momentum": (partial(torch.optim.SGD, lr=1.0, momentum=0.8), lambda group: group["momentum"], 0.8),
    "the first beta": (partial(torch.optim.Adam, lr=1.0, betas=(0.8, 0.99)), lambda group: group["betas"][0], 0.8),
    "the first of three": (partial(pytorch_optimizer.AdEMAMix, betas=(0.8, 0.99, 0.999)), lambda group: group["betas"][0], 0.8),
    "of SAM's base": (
        partial(pytorch_optimizer.SAM, base_optimizer=torch.optim.SGD, lr=1.0, momentum=0.8),
        lambda group: group["momentum"],
        0.8,
    ),
}


@pytest.mark.parametrize("name", MOMENTUM)
def test_momentum_schedule_multiplies_the_momentum(name):
    make, momentum, own = MOMENTUM[name]
    made = values(make, momentum_schedule=Polynomial())
    lr = group_at(made, 0)["lr"]
    assert momentum(group_at(made, 0)) == own
    assert momentum(group_at(made, HALF)) == pytest.approx(own / 2)
    assert momentum(group_at(made, 0)) == own, "a multiple of the initial value, not of the last"
    assert group_at(made, HALF)["lr"] == lr


@pytest.mark.parametrize("name", MOMENTUM)
def test_one_cycle_sets_the_momentum(name):
    make, momentum, _ = MOMENTUM[name]
    made = values(make, schedule=OneCycle(rise=0.5))
    assert momentum(group_at(made, 0)) == pytest.approx(0.95)
    assert momentum(group_at(made, 4)) == pytest.approx(0.85)
    assert momentum(group_at(made, 9)) == pytest.approx(0.95)


@pytest.mark.parametrize("name", MOMENTUM)
def test_one_cycle_without_momenta_keeps_the_momentum(name):
    make, momentum, own = MOMENTUM[name]
    assert momentum(group_at(values(make, schedule=OneCycle(momenta=None)), HALF)) == own


def test_both_momentum_schedules_are_multiplied():
    make, momentum, _ = MOMENTUM["momentum"]
    made = values(make, schedule=OneCycle(rise=0.5), momentum_schedule=Polynomial())
    assert momentum(group_at(made, 4)) == pytest.approx(0.85 * 0.6)


def test_one_cycle_equals_torchs():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=5 / 11)
    ours = values(partial(torch.optim.SGD, lr=1.0, momentum=0.9), schedule=OneCycle(rise=5))
    for step in range(11):
        ours.set(step, 11)
        group = ours.optimizer.param_groups[0]
        for key in ("lr", "momentum"):
            assert group[key] == pytest.approx(optimizer.param_groups[0][key], rel=1e-6), (step, key)
        optimizer.step()
        theirs.step() if step < 10 else None


@pytest.mark.parametrize(
    ("make", "key"), [(partial(torch.optim.SGD, lr=1.0), "momentum"), (partial(torch.optim.Adam, betas=(0.0, 0.9)), "betas")]
)
def test_optimizer_without_momentum_keeps_none(make, key):
    made = values(make, schedule=OneCycle(), momentum_schedule=Polynomial())
    assert group_at(made, HALF)[key] in (0, (0.0, 0.9))


def test_missing_hyperparameters_are_not_added_to_groups():
    made = values(
        partial(torch.optim.Rprop, lr=1.0), schedule=OneCycle(), momentum_schedule=Polynomial(), decay_schedule=Polynomial()
    )
    assert not {"momentum", "betas", "weight_decay"} & set(group_at(made, HALF))


def test_decay_schedule_multiplies_only_the_weight_decay():
    made = values(partial(torch.optim.AdamW, lr=0.1, weight_decay=0.4), decay_schedule=Polynomial())
    assert [group_at(made, step)["weight_decay"] for step in (0, HALF)] == pytest.approx([0.4, 0.2])
    assert group_at(made, HALF)["lr"] == 0.1
    assert made.decay == pytest.approx(0.5)


def test_groups_keep_their_own_initial_values():
    recipe = Recipe(
        optimizer=torch.optim.SGD, momentum_schedule=Polynomial(), decay_schedule=Polynomial(), schedule=Polynomial()
    )
    one, other = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    groups = [
        {"params": [one], "lr": 0.2, "momentum": 0.4},
        {"params": [other], "lr": 0.8, "momentum": 0.0, "weight_decay": 0.6},
    ]
    made = Values(torch.optim.SGD(groups, lr=1.0), recipe)
    made.set(HALF, TOTAL)
    found = [[group[key] for key in ("lr", "momentum", "weight_decay")] for group in made.optimizer.param_groups]
    assert found == [pytest.approx([0.1, 0.2, 0.0]), pytest.approx([0.4, 0.0, 0.3])]


def step_of(schedule, momentum_schedule=None, decay_schedule=None):
    model = nn.Linear(2, 1)
    make = partial(torch.optim.SGD, lr=1.0, momentum=0.8, weight_decay=0.4)
    recipe = Recipe(optimizer=make, schedule=schedule, momentum_schedule=momentum_schedule, decay_schedule=decay_schedule)
    loss = lambda batch: model(batch[0]).pow(2).mean()  # noqa: E731
    return Step(model, loss, torch.Tensor.backward, recipe.make(model), recipe, TOTAL)


def test_resumed_schedules_multiply_the_initial_values():
    first = step_of(Polynomial(), Polynomial(), Polynomial())
    for _ in range(HALF + 1):
        first([Part((torch.ones(1, 2),), 1.0)])
    other = step_of(Polynomial(), Polynomial(), Polynomial())
    other.bare_optimizer.load_state_dict(first.bare_optimizer.state_dict())
    other.load_state_dict(first.state_dict())
    for made in (first, other):
        made([Part((torch.ones(1, 2),), 1.0)])
        (group,) = made.bare_optimizer.param_groups
        assert [group[key] for key in ("lr", "momentum", "weight_decay")] == pytest.approx([0.4, 0.32, 0.16])
        assert made.values.lrs == pytest.approx({"lr": 0.4})


def test_resumed_constant_schedule_sets_the_loaded_groups():
    """The multiplier does not change at the first step after loading, but the groups are new and must be set."""
    first = step_of(Constant(warmup=3))
    for _ in range(HALF):
        first([Part((torch.ones(1, 2),), 1.0)])
    saved = first.bare_optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 123.0
    first.bare_optimizer.load_state_dict(saved)
    first.load_state_dict(first.state_dict())
    first([Part((torch.ones(1, 2),), 1.0)])
    assert first.bare_optimizer.param_groups[0]["lr"] == 1.0


def test_resumed_plateau_keeps_its_multiplier():
    first, other = (step_of(ReduceOnPlateau(patience=0, factor=0.5)) for _ in range(2))
    for value in (1.0, 2.0, 3.0):
        first.recipe.schedule.observe(value)
    first([Part((torch.ones(1, 2),), 1.0)])
    other.bare_optimizer.load_state_dict(first.bare_optimizer.state_dict())
    other.load_state_dict(first.state_dict())
    other([Part((torch.ones(1, 2),), 1.0)])
    assert other.values.lrs == first.values.lrs == {"lr": 0.25}
