"""The same runs trained one by one by optim.step.Step, and together as one block of a Program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from conftest import ROOT, compose_config
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from descentlab.config.build import build
from descentlab.data.loading.loader import Part
from descentlab.models.mlp import MLP
from descentlab.optim.programs.columns import Numbers
from descentlab.optim.programs.noise import Noise
from descentlab.optim.programs.program import Program, stack, tensors_of
from descentlab.optim.programs.step import PureStep, RunState
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step
from descentlab.store.core import Core

Batch = tuple[Tensor, ...]


def classification(predict: Any, batch: Batch) -> Tensor:
    return cross_entropy(predict(batch[0]), batch[1])


@dataclass
class Member:
    """A run: its model with initial weights, its loss, its recipe, and the batch of each of its steps."""

    model: nn.Module
    loss: Callable[[Any, Batch], Tensor]
    recipe: Recipe
    batches: Sequence[Batch]

    def __post_init__(self) -> None:
        self.optimizer = self.recipe.make(self.model, len(self.batches))
        self.step = PureStep(self.model, self.loss, self.optimizer, self.recipe, None)
        self.numbers = Numbers(self.recipe, self.optimizer, len(self.batches))

    def stepped(self) -> Step:
        """Return the Step of this run; its dropout takes the random numbers of programs."""

        def loss(batch: Batch) -> Tensor:
            with Noise(torch.tensor(float(self.recipe.seed)), torch.tensor(float(made.count))):
                return self.loss(self.model, batch)

        made = Step(self.model, loss, Tensor.backward, self.optimizer, self.recipe, len(self.batches))
        return made

    def train(self) -> tuple[Tensor, list[Tensor]]:
        """Train with Step, and return the losses and the evaluation weights at the end, in the order of the groups."""
        made = self.stepped()
        losses = torch.stack([made([Part(batch, 1.0)]) for batch in self.batches])
        made.evaluation_weights.apply(())
        return losses, [weight.detach().clone() for weight in made.parameters]


@dataclass
class Trained:
    """A trained block: losses (steps, runs), its state, and the evaluation weights of its runs."""

    losses: Tensor
    state: RunState
    evaluated: list[Tensor]
    program: Program


def stacked_batches(members: Sequence[Member], shared: bool) -> Sequence[Batch]:
    """Return the batches of a block; if they are shared, those of the first run."""
    every = zip(*(member.batches for member in members), strict=True)
    return members[0].batches if shared else [tuple(map(torch.stack, zip(*each, strict=True))) for each in every]


def train_block(members: Sequence[Member], shared: bool = False, is_compiled: bool = False) -> Trained:
    """Train `members`, which have not been trained, as one block, compiled if `is_compiled`."""
    first, batches = members[0], stacked_batches(members, shared)
    assert len({member.step.structure for member in members}) == 1
    state = stack([member.step.initial_state() for member in members])
    table = torch.stack([torch.from_numpy(member.numbers.table(0, len(batches))) for member in members], dim=1)
    program = Program(first.step, state, table[0], batches[0], len(members), batch_is_shared=shared)
    if is_compiled:
        program.compile()
    tensors = tensors_of(state)
    losses = torch.stack([program(tensors, row, batch)[0].clone() for row, batch in zip(table, batches, strict=True)])
    return Trained(losses, state, torch.vmap(first.step.evaluation_weights)(state, table[-1]), program)


def assert_equal(
    make: Callable[[], Sequence[Member]], shared: bool = False, rel: float = 1e-10, compiled: bool = False
) -> None:
    """Assert that a block has the losses and the evaluation weights of single runs, up to the relative error `rel`."""
    found = train_block(make(), shared, compiled)
    for run, member in enumerate(make()):
        losses, evaluated = member.train()
        torch.testing.assert_close(found.losses[:, run], losses, rtol=rel, atol=rel * float(losses[0].abs()))
        for mine, theirs in zip(found.evaluated, evaluated, strict=True):
            torch.testing.assert_close(mine[run], theirs, rtol=rel, atol=rel * float(theirs.abs().max()))


def recipe_of(*words: str, **hyperparameters: Any) -> Recipe:
    """Return the recipe of a command with `words`, with other hyperparameters of its optimizer."""
    config = config_of("budget.epochs=null", "budget.steps=30", *words)
    return Recipe.of({**config, "optimizer": {**config["optimizer"], **hyperparameters}}, build)


@cache
def config_of(*words: str) -> dict[str, Any]:
    config, _, mistakes = compose_config("logger=none", f"data_dir={ROOT}/data", *words)
    assert not mistakes, mistakes
    return config


def small(seed: int, recipe: Recipe, steps: int = 30, data_seed: int = 0, **model: Any) -> Member:
    """Return a run of a small network on random numbers, in float64."""
    torch.manual_seed(seed)
    network = MLP(8, 3, [6], **model).double()
    draw = torch.Generator().manual_seed(data_seed)
    rows = [torch.randn(5, 8, generator=draw, dtype=torch.float64) for _ in range(steps)]
    return Member(network, classification, recipe, [(x, x[:, :3].argmax(1)) for x in rows])


@cache
def _data(*words: str) -> Any:
    from descentlab.training.setup import load_data, plan_of

    config = config_of(*words)
    data = load_data(config)
    return data, plan_of(Core.of(config), data)


def member_of(data_words: Sequence[str], *words: str, steps: int, dtype: torch.dtype = torch.float64) -> Member:
    """Return the run of the command `data_words` and `words`, for its first `steps` steps.

    Args:
        data_words: those words that choose the data, so that they are read once.
    """
    from descentlab.training.setup import make_task

    config, (data, plan) = config_of(*data_words, *words), _data(*data_words)
    task = make_task(config, data, plan)
    loader = data.step_loader(plan, config["data_seed"], None, 0, 1, 0)
    batches = [tuple(_to(tensor, dtype) for tensor in loader.parts(step)[0].batch) for step in range(steps)]
    return Member(task.model.to(dtype), task.loss, task.recipe, batches)


def _to(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor
