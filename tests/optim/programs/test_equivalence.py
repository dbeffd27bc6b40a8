"""A block of stacked runs takes the steps of single runs: every rule, schedule, clip, decay and average."""

from __future__ import annotations

import pytest
import torch
from conftest import compose_config, every_optimizer, options
from support.stacked import Member, assert_equal, recipe_of, small, train_block
from torch import nn

from descentlab.config.update_rules import UpdateRule, update_rule

ROUNDED = {  # torch's and schedulefree's classes keep some scalars in another precision than the rule
    "nadam": 1e-7,
    "schedulefree_adamw": 1e-6,
    "schedulefree_sgd": 1e-6,
}
FAST = ["adam", "sgd", "scratch/schedule_free_adamw"]
SLOW = ["adadelta", "adafactor", "adagrad", "adamax", "adamw", "lion", "momentum", "nadam", "nesterov", "radam", "rmsprop"]
SLOW += ["schedulefree_adamw", "schedulefree_sgd"]
OWN = [
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "gradient_descent",
    "lion",
    "momentum",
    "nadam",
]
OWN += ["nesterov", "radam", "rmsprop", "schedule_free_sgd", "signsgd"]
SLOW += [f"scratch/{name}" for name in OWN]
MUON = ["muon", "scratch/muon"]  # compute in bfloat16: see the tests of Muon


def has_rule(name):
    return isinstance(update_rule(compose_config(f"optimizer={name}")[0]["optimizer"]), UpdateRule)


@pytest.mark.slow
def test_every_optimizer_of_the_catalogue_with_a_rule_is_tested():
    assert {name for name in every_optimizer() if has_rule(name)} == {*FAST, *SLOW, *MUON}


def other_numbers(recipe, run):
    """Return hyperparameters of the `run`-th run, which differ in as many numbers as the rule has."""
    keywords = recipe.optimizer.keywords
    changed = {"lr": keywords["lr"] * 2.0**run}
    if "betas" in keywords:
        changed["betas"] = (keywords["betas"][0] - 0.1 * run, keywords["betas"][1] - 0.01 * run)
    if "weight_decay" in keywords:
        changed["weight_decay"] = 0.01 * run
    if keywords.get("momentum"):
        changed["momentum"] = keywords["momentum"] - 0.1 * run
    return changed


def slow(*values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("name", [*FAST, *slow(*SLOW)])
def test_runs_with_every_rule_and_other_numbers(name):
    plain = recipe_of(f"optimizer={name}")

    def make():
        recipes = [recipe_of(f"optimizer={name}", f"seed={run}", **other_numbers(plain, run)) for run in range(3)]
        return [small(run, recipe, data_seed=run) for run, recipe in enumerate(recipes)]

    assert_equal(make, rel=ROUNDED.get(name, 1e-10))


def words_of_schedule(name):
    return [f"schedule={name}"] if name == "plateau" else [f"schedule={name}", "schedule.warmup=5"]


@pytest.mark.slow
@pytest.mark.parametrize("name", options("schedule"))
def test_runs_with_every_schedule(name):
    def make():
        recipes = [recipe_of("optimizer=adam", *words_of_schedule(name), lr=1e-3 * 3**run) for run in range(2)]
        return [small(run, recipe) for run, recipe in enumerate(recipes)]

    assert_equal(make, shared=True)


SETTINGS = [
    ("orthogonal_gradient=weights", "project=[-0.3,0.3]", "optimizer=scratch/adam", "optimizer.bias_correction=false"),
    ("clip.adaptive=0.02", "clip.norm=0.2", "noise.std=0.05", "decay.rate=0.1", "decay.kind=coupled"),
    ("clip.norm=0.3", "clip.value=0.05", "decay.rate=0.1", "decay.kind=coupled"),
    ("optimizer=momentum", "schedule=one_cycle", "schedule@momentum_schedule=polynomial"),
    ("average.kind=ema", "average.decay=0.5", "average.start=10", "decay.rate=0.1", "decay.to=matrices"),
]
MORE_SETTINGS = [
    ("orthogonal_gradient=random", "clip.norm=0.1", "optimizer=scratch/adam", "optimizer.second_moment_init=gradient"),
    ("clip.adaptive=0.01", "decay.rate=0.1"),
    ("noise.std=0.3", "noise.decay=0", "average.kind=ema"),
    ("clip.norm=0.1",),
    ("clip.value=0.01",),
    ("decay.rate=0.1", "decay.kind=decoupled", "decay.to=matrices", "schedule=cosine"),
    ("decay.rate=0.01", "decay.kind=independent", "schedule=cosine", "schedule@decay_schedule=polynomial"),
    ("optimizer=adamw", "schedule@decay_schedule=cosine", "schedule@momentum_schedule=polynomial"),
    ("optimizer=nesterov", "schedule@momentum_schedule=cosine", "momentum_schedule.final=0.5"),
    ("optimizer=scratch/adamw", "optimizer.decay=independent", "schedule=cosine"),
    ("average.kind=ema",),
    ("average.kind=swa", "average.start=0.5"),
    ("lr_decay=0.5",),
    ("groups=[{match: bias, lr: 2.0, set: {weight_decay: 0.1}}, {}]",),
    ("groups=[{match: head, to: auxiliary}, {}]", "+auxiliary={_target_: torch.optim.SGD, _partial_: true, lr: 0.1}"),
]


@pytest.mark.parametrize("words", [*SETTINGS, *slow(*MORE_SETTINGS)])
def test_runs_with_clipping_decay_averages_and_groups(words):
    def make():
        recipes = [recipe_of(*words, f"seed={run}") for run in range(2)]
        return [small(run, recipe, data_seed=run) for run, recipe in enumerate(recipes)]

    assert_equal(make)


NETWORKS = [
    {"activation": "tanh", "init": "glorot"},
    {"activation": "gelu", "norm": "layer"},
    {"activation": "silu", "norm": "batch"},
    {"dropout": 0.4},
]


@pytest.mark.parametrize("model", [{"dropout": 0.2, "norm": "batch"}, *slow(*NETWORKS)])
@pytest.mark.parametrize("shared", [False, True])
def test_networks_with_norms_and_dropout(model, shared):
    def make():  # Adam would amplify the rounding errors of biases before batch normalization, whose gradient is 0
        recipes = [recipe_of("optimizer=momentum", f"seed={run}") for run in range(2)]
        return [small(run, recipe, data_seed=run * (not shared), **model) for run, recipe in enumerate(recipes)]

    assert_equal(make, shared=shared)


def test_running_statistics_of_batch_normalization_are_those_of_single_runs():
    def make():
        return [small(run, recipe_of(f"seed={run}"), data_seed=run, norm="batch") for run in range(2)]

    found = train_block(make())
    for run, member in enumerate(make()):
        member.train()
        for name, buffer in member.model.named_buffers():
            torch.testing.assert_close(found.state.buffers[name][run], buffer)


def test_muon_with_an_exact_iteration_and_an_auxiliary_optimizer():
    def make():
        recipes = [recipe_of("optimizer=scratch/muon", "optimizer.ns_dtype=float64", lr=0.02 * 2**run) for run in range(2)]
        return [small(run, recipe) for run, recipe in enumerate(recipes)]

    assert_equal(make, shared=True)


def test_muon_in_bfloat16_rounds_as_single_runs_do():
    def make():
        return [small(run, recipe_of("optimizer=scratch/muon"), steps=10) for run in range(2)]

    assert_equal(make, shared=True)


class Scalar(nn.Module):
    """A parameter without dimensions, which rules treat as a vector of one element."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.weight - x).square()


def test_scalar_parameters_of_a_model_whose_output_is_the_loss():
    x = torch.ones(4, dtype=torch.float64)

    def make():
        return [Member(Scalar(run), lambda f, b: f(b[0]).mean(), recipe_of(), [(x,)] * 20) for run in (3.0, 4.0)]

    assert_equal(make, shared=True)
