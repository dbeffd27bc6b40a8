"""Composite: several optimizers that behave as one."""

import io
from functools import partial

import pytest
import torch
from conftest import compose_config
from hydra.utils import instantiate
from support.probing import PROBES, probed
from torch import nn

from descentlab.data.loading.loader import Part
from descentlab.models.mlp import MLP
from descentlab.optim import scratch
from descentlab.optim.composite import Composite
from descentlab.optim.gradients import Clip
from descentlab.optim.groups import GroupEntry
from descentlab.optim.recipe import Recipe
from descentlab.optim.schedules import Constant, Polynomial
from descentlab.optim.step import Step

PAIRS = {
    "torch": (partial(torch.optim.SGD, lr=0.1, momentum=0.9), partial(torch.optim.AdamW, lr=0.01)),
    "rules": (partial(scratch.NAdam, lr=0.01), partial(scratch.Momentum, lr=0.1)),
    "filled from the start": (partial(torch.optim.Adagrad, lr=0.1), partial(torch.optim.RMSprop, lr=0.01)),
}


def net(dtype=torch.float32) -> MLP:
    torch.manual_seed(0)
    return MLP(6, 3, [5]).to(dtype)


def parts(model):
    """Return the weights of the block, and those of the head."""
    return list(model.blocks.parameters()), list(model.head.parameters())


def loss(model, step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 6, generator=generator).to(model.head.weight.dtype)
    return (model(x) - 1).pow(2).mean()


def steps(model, optimizer, first, last):
    for step in range(first, last):
        optimizer.zero_grad()
        loss(model, step).backward()
        optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


def composite(model, pair) -> Composite:
    return Composite([make(part) for make, part in zip(PAIRS[pair], parts(model), strict=True)])


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("pair", PAIRS)
def test_composite_steps_equal_those_of_its_parts(pair):
    ours, theirs = net(), net()
    apart = [make(part) for make, part in zip(PAIRS[pair], parts(theirs), strict=True)]
    for step in range(10):
        theirs.zero_grad()
        loss(theirs, step).backward()
        for optimizer in apart:
            optimizer.step()
    assert equal(steps(ours, composite(ours, pair), 0, 10), theirs.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("pair", PAIRS)
def test_composite_resumes_bit_identically(pair, dtype):
    model = net(dtype)
    optimizer = composite(model, pair)
    steps(model, optimizer, 0, 5)
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    whole = steps(model, optimizer, 5, 10)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other = net(dtype)
    other.load_state_dict(saved["model"])
    again = composite(other, pair)
    again.load_state_dict(saved["optimizer"])
    assert equal(steps(other, again, 5, 10), whole)
    assert equal_states(again.state_dict(), optimizer.state_dict())


def equal_states(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal_states(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal_states, one, other))
    return one == other


def test_parts_share_groups_and_state_after_loading():
    model = net()
    optimizer = composite(model, "torch")
    steps(model, optimizer, 0, 2)
    optimizer.load_state_dict(optimizer.state_dict())
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    assert [each.param_groups[0] is group for each, group in zip(optimizer.optimizers, optimizer.param_groups, strict=True)]
    assert all(each.state is optimizer.state for each in optimizer.optimizers)
    assert set(optimizer.state) == set(model.parameters())
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.param_groups[1]["lr"] = 0.0  # as a schedule does
    optimizer.param_groups[1]["weight_decay"] = 0.0
    now = steps(model, optimizer, 2, 3)
    assert [torch.equal(a, b) for a, b in zip(before, now, strict=True)] == [False, False, True, True]


def made(model, **recipe):
    """Return a Step that trains the block by SGD and the head by AdamW; a batch is the seed of the inputs."""
    main, auxiliary = PAIRS["torch"]
    entries = [GroupEntry(match="head", to="auxiliary"), GroupEntry()]
    recipe = Recipe(optimizer=main, auxiliary=auxiliary, groups=entries, **recipe)
    return Step(model, lambda batch: loss(model, int(batch[0])), torch.Tensor.backward, recipe.make(model), recipe, 10)


def part(step):
    return [Part((torch.tensor(step),), 1.0)]


def test_schedule_applies_to_the_groups_of_all_parts():
    model = net()
    step = made(model, schedule=Polynomial())
    for count in range(3):
        step(part(count))
    assert [group["lr"] for group in step.bare_optimizer.param_groups] == pytest.approx([0.1 * 0.8, 0.01 * 0.8])
    assert step.values.lrs == pytest.approx({"lr": 0.08, "lr_auxiliary": 0.008})
    assert [each.param_groups[0]["lr"] for each in step.bare_optimizer.optimizers] == pytest.approx([0.08, 0.008])


def test_norms_include_the_weights_of_all_parts():
    model = net()
    step = made(model, schedule=Constant())
    before = [p.detach().clone() for p in model.parameters()]
    step(part(0), PROBES.needs(0))
    moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(model.parameters(), before, strict=True)])
    other = net()
    loss(other, 0).backward()
    assert probed(step)["update_norm"] == pytest.approx(float(moved.norm()))
    gradient = torch.cat([p.grad.flatten() for p in other.parameters()])
    assert probed(step)["grad_norm"] == pytest.approx(float(gradient.norm()))
    assert float(gradient[-18:].norm()) < 0.999 * float(gradient.norm()), "the norm of one part would pass as well"


def test_gradients_of_all_parts_are_clipped_together():
    model = net()
    step = made(model, clip=Clip(norm=1e-3))
    step(part(0))
    assert torch.cat([p.grad.flatten() for p in model.parameters()]).norm() == pytest.approx(1e-3, rel=1e-3)


def test_zero_grad_clears_the_gradients_of_all_parts():
    model = net()
    optimizer = composite(model, "torch")
    loss(model, 0).backward()
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_train_and_eval_are_forwarded_to_parts_that_have_them():
    model = net()
    free, plain = scratch.ScheduleFreeSGD(parts(model)[0], lr=0.5), torch.optim.SGD(parts(model)[1], lr=0.1)
    optimizer = Composite([free, plain])
    trained = steps(model, optimizer, 0, 4)
    optimizer.eval()
    assert [torch.equal(p, before) for p, before in zip(model.parameters(), trained, strict=True)] == [False, False, True, True]
    optimizer.train()
    assert equal(model.parameters(), trained)


def test_closure_is_evaluated_once():
    model, calls = nn.Linear(2, 1), []
    optimizer = Composite([torch.optim.SGD([p], lr=0.1) for p in model.parameters()])

    def closure():
        calls.append(1)
        value = model(torch.ones(1, 2)).sum()
        value.backward()
        return value

    assert optimizer.step(closure).requires_grad
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["muon", "scratch/muon"])
def test_muon_trains_the_hidden_matrices_of_an_mlp_and_adamw_the_rest(name):
    config, _, mistakes = compose_config(f"optimizer={name}")
    assert not mistakes
    torch.manual_seed(0)
    model = MLP(6, 3, [5, 5], norm="layer")
    optimizer = Recipe.of(config, partial(instantiate, _convert_="all")).make(model)
    known = {id(p): name for name, p in model.named_parameters()}
    matrices, rest = ([known[id(p)] for group in each.param_groups for p in group["params"]] for each in optimizer.optimizers)
    assert matrices == ["blocks.0.layers.0.weight", "blocks.1.layers.0.weight"]
    assert sorted(matrices + rest) == sorted(known.values())
    start = loss(model, 0).item()
    steps(model, optimizer, 0, 30)
    assert loss(model, 0).item() < 0.5 * start
