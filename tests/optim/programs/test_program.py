"""Programs take the same steps as optim.step.Step."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from descentlab.data.loading.loader import Part
from descentlab.models.mlp import MLP
from descentlab.optim.programs.columns import Numbers
from descentlab.optim.programs.program import Program, stack, tensors_of
from descentlab.optim.programs.step import PureStep
from descentlab.optim.recipe import Recipe
from descentlab.optim.step import Step

RUNS, STEPS = 3, 20


def loss(predict, batch):
    return cross_entropy(predict(batch[0]), batch[1])


def made(seed, lr=1e-2, **recipe):
    torch.manual_seed(seed)
    model = MLP(8, 3, [6]).double()
    own = Recipe(optimizer=partial(torch.optim.Adam, lr=lr), **recipe)
    return model, own, own.make(model, STEPS)


def batches():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(5, 8, generator=generator, dtype=torch.float64), torch.randint(3, (5,), generator=generator))
        for _ in range(STEPS)
    ]


def stepped(seed, lr):
    """Return the losses of a run that Step trains."""
    model, recipe, optimizer = made(seed, lr)
    step = Step(model, lambda batch: loss(model, batch), torch.Tensor.backward, optimizer, recipe, STEPS)
    return torch.stack([step([Part(batch, 1.0)]) for batch in batches()])


@pytest.mark.parametrize("is_compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_stacked_runs_take_the_steps_of_single_runs(is_compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENTLAB_CACHE", str(tmp_path))
    lrs = [1e-3, 1e-2, 1e-1]
    states, numbers = [], []
    for seed, lr in enumerate(lrs):
        model, recipe, optimizer = made(seed, lr)
        step = PureStep(model, loss, optimizer, recipe, None)
        states.append(step.initial_state())
        numbers.append(torch.from_numpy(Numbers(recipe, optimizer, STEPS).table(0, STEPS)))
    state, table = stack(states), torch.stack(numbers, dim=1)
    data = batches()
    program = Program(step, state, table[0], data[0], RUNS, batch_is_shared=True)
    if is_compiled:
        program.compile()
    tensors = tensors_of(state)
    losses = [program(tensors, row, batch)[0].clone() for row, batch in zip(table, data, strict=True)]
    for run, lr in enumerate(lrs):
        assert torch.stack(losses)[:, run].tolist() == pytest.approx(stepped(run, lr).tolist(), rel=1e-10)
