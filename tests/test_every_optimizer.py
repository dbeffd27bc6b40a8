"""Every optimizer of the catalogue: its file, its steps and its progress. A new file in conf/optimizer is included.

Checkpoints are tested in test_resume, steps in two processes in parallel/test_ddp.
"""

from __future__ import annotations

import inspect
from copy import deepcopy
from functools import cache, partial

import pytest
import torch
from conftest import compose_config, every_optimizer
from hydra.utils import get_class, get_object, instantiate
from torch import nn

from descentlab.data.loading.loader import Part
from descentlab.optim.evaluation import has_modes
from descentlab.optim.randomness import seeded
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step

pytestmark = pytest.mark.filterwarnings("ignore:Using backward")
EVERY = every_optimizer()
# Arguments set by the recipe (GIVEN); arguments of the implementation, or with values that YAML cannot express (HOW).
GIVEN = {"params", "model", "base_optimizer", "num_iterations", "multiplier"}
HOW = {"foreach", "fused", "maximize", "capturable", "differentiable", "mu_dtype", "precondition_dtype", "clip_lambda"}
HOW |= {"model_sharding", "kwargs"}


@cache
def composed(name):
    config, _, mistakes = compose_config(f"optimizer={name}", "budget.epochs=null", "budget.steps=200")
    assert not mistakes
    return config


def config_of(name, **hyperparameters):
    config = deepcopy(composed(name))
    config["optimizer"] |= hyperparameters
    return config


def recipe_of(name, **hyperparameters) -> Recipe:
    return Recipe.of(config_of(name, **hyperparameters), partial(instantiate, _convert_="all"))


@pytest.mark.parametrize("name", EVERY)
def test_file_has_exactly_the_hyperparameters_of_the_class(name):
    node = config_of(name)["optimizer"]
    own = set(inspect.signature(get_object(node["_target_"])).parameters)
    if "base_optimizer" in node:
        own |= set(inspect.signature(get_class(node["base_optimizer"]["path"])).parameters)
    assert set(node) - {"_target_", "_partial_"} - HOW - GIVEN == own - HOW - GIVEN
    assert set(node) - {"_target_", "_partial_"} <= own


@pytest.mark.parametrize("name", EVERY)
def test_search_space_is_four_decades_around_the_learning_rate(name):
    config = config_of(name)
    ((key, (low, high)),) = config["search"].items()
    assert high / low == pytest.approx(1e4)
    assert low < config["optimizer"][key] < high
    assert "lr" in key


class Bowl(nn.Module):
    """A noisy quadratic of a matrix and a vector, whose curvatures differ by a factor of 10."""

    def __init__(self, inputs: int = 6, outputs: int = 4) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.matrix = nn.Parameter(torch.randn(outputs, inputs, generator=generator))
        self.bias = nn.Parameter(torch.randn(outputs, generator=generator))
        self.register_buffer("scale", torch.logspace(-0.5, 0, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ((x * self.scale) @ self.matrix.T + self.bias).pow(2).mean()


class Valley(nn.Module):
    """Rosenbrock's function / 100, averaged over pairs of the elements of a matrix; plus a quadratic of a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.tensor([[-1.2, 1.0, -1.0, 0.8], [0.0, 0.5, 1.5, 2.0]]))
        self.bias = nn.Parameter(torch.tensor([1.0, -1.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.matrix.flatten()[::2], self.matrix.flatten()[1::2]
        return ((b - a**2) ** 2 + 0.01 * (1 - a) ** 2).mean() + 0.1 * self.bias.pow(2).mean() + 0 * x.mean()


def batches(count: int, rows: int = 16, inputs: int = 6):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(rows, inputs, generator=generator) for _ in range(count)]


def backward(loss, needs):
    loss.backward(create_graph=needs.graph)


def step_of(recipe: Recipe, model: nn.Module) -> Step:
    optimizer = recipe.make(model, 200)
    return Step(model, lambda batch: model(*batch), partial(backward, needs=recipe.needs), optimizer, recipe, 200)


def train(name: str, model: nn.Module, steps: int, **hyperparameters: float) -> Step:
    made = step_of(recipe_of(name, **hyperparameters), model)
    for x in batches(steps):
        made([Part((x,), 1.0)])
    return made


def evaluated(made: Step) -> float:
    """Return the mean loss at the evaluation weights."""
    made.evaluation_weights.apply(())
    with torch.no_grad():
        value = float(torch.stack([made.model(x) for x in batches(20)]).mean())
    made.evaluation_weights.restore()
    return value


@pytest.mark.parametrize("make", [Bowl, Valley])
@pytest.mark.parametrize("name", EVERY)
def test_loss_decreases_at_some_rate_of_the_search_space(name, make):
    start = evaluated(train(name, make(), 0))
    ((key, (low, _)),) = config_of(name)["search"].items()
    rates = [low * 10**decade for decade in (3, 2, 4, 1, 0)]
    assert any(evaluated(train(name, make(), 80, **{key: rate})) < 0.5 * start for rate in rates)


def by_hand(name: str, model: nn.Module, steps: int) -> list[torch.optim.Optimizer]:
    """Train `model` by the loop in the library's documentation, and return its optimizers."""
    config = config_of(name)
    settings = {k: v for k, v in config["optimizer"].items() if k not in ("_target_", "_partial_")}
    if "base_optimizer" in settings:
        settings["base_optimizer"] = torch.optim.SGD
    make = get_class(config["optimizer"]["_target_"])
    if name.endswith("muon"):
        rest = {k: v for k, v in config["auxiliary"].items() if k not in ("_target_", "_partial_")}
        optimizers = [make([model.matrix], **settings), get_class(config["auxiliary"]["_target_"])([model.bias], **rest)]
    elif name == "galore":
        low_rank = {"rank": 8, "update_proj_gap": 50, "scale": 1.0, "projection_type": "std"}
        optimizers = [make([{"params": [model.matrix], **low_rank}, {"params": [model.bias]}], **settings)]
    elif name == "adam_mini":
        optimizers = [make(model, **settings)]
    else:
        settings |= {"num_iterations": 200} if name == "ranger21" else {}
        optimizers = [make(model.parameters(), **settings)]
    if "schedule" in name:
        optimizers[0].train()
    for step, x in enumerate(batches(steps)):
        _step_by_hand(name, optimizers, model, x, step)
    return optimizers


def _step_by_hand(name, optimizers, model, x, step):
    def closure():
        optimizers[0].zero_grad()
        with torch.enable_grad():
            loss = model(x)
            loss.backward(create_graph=name in ("adahessian", "sophia"))
        return loss

    for optimizer in optimizers:
        optimizer.zero_grad()
    if name not in ("lbfgs", "alig"):
        closure()
    with seeded(hash((0, step))):
        for optimizer in optimizers:
            optimizer.step(*([closure] if name in ("lbfgs", "alig", "sam", "asam") else []))


@pytest.mark.parametrize("name", EVERY)
def test_steps_equal_a_handwritten_loop_over_the_librarys_class(name):
    ours, theirs = Bowl(), Bowl()
    made = train(name, ours, 60)
    optimizers = by_hand(name, theirs, 60)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)
    if has_modes(made.bare_optimizer):
        optimizers[0].eval()
        made.evaluation_weights.apply(())
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in EVERY if "schedule" in name])
def test_evaluation_weights_differ_and_evaluating_does_not_change_training_weights(name):
    model = Bowl()
    made = train(name, model, 20)
    trained = [p.detach().clone() for p in model.parameters()]
    made.evaluation_weights.apply(())
    assert not any(torch.equal(p, before) for p, before in zip(model.parameters(), trained, strict=True))
    made.evaluation_weights.restore()
    assert all(torch.equal(p, before) for p, before in zip(model.parameters(), trained, strict=True))


@pytest.mark.parametrize(("name", "adaptive"), [("sam", False), ("asam", True)])
def test_second_gradient_of_sam_is_computed_at_the_perturbed_weights(name, adaptive):
    model, seen = Bowl(), []
    recipe = recipe_of(name)
    made = Step(
        model,
        lambda batch: (seen.append([p.detach().clone() for p in model.parameters()]), model(*batch))[1],
        torch.Tensor.backward,
        recipe.make(model),
        recipe,
        None,
    )
    (x,) = batches(1)
    other = Bowl()
    other(x).backward()
    made([Part((x,), 1.0)])
    assert len(seen) == made.evaluations == 2
    gradients = [p.grad for p in other.parameters()]
    scales = [p.detach().abs() if adaptive else torch.ones_like(p) for p in other.parameters()]
    length = torch.cat([(s * g).flatten() for s, g in zip(scales, gradients, strict=True)]).norm()
    rho = recipe.optimizer.keywords["rho"]
    for p, scale, gradient, second in zip(other.parameters(), scales, gradients, seen[1], strict=True):
        torch.testing.assert_close(second, p.detach() + rho * scale**2 * gradient / length)


@pytest.mark.parametrize(
    ("name", "evaluations"), [("adam", 10), ("sam", 20), ("adahessian", 20), ("sophia", 11), ("muon", 10), ("alig", 10)]
)
def test_gradient_evaluations_are_counted(name, evaluations):
    assert train(name, Bowl(), 10).evaluations == evaluations


@pytest.mark.parametrize("name", EVERY)
def test_loss_decreases_on_digits_mlp(name, train):
    run = train("problem=digits_mlp", f"optimizer={name}", "budget.epochs=null", "budget.steps=40", "data.limit=400")
    assert run.record.status == "completed"
    assert min(run.column("valid/loss")) < run.column("valid/loss")[0]
