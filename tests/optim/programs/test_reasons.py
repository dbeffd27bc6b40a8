"""Runs whose steps a program cannot take, with the reason."""

from __future__ import annotations

import pytest
import torch
from conftest import every_optimizer
from support.stacked import Member, classification, recipe_of, small, stack
from torch import nn
from torch.nn.functional import alpha_dropout

from descentlab.models.mlp import MLP
from descentlab.optim.programs.program import NotTraceable, Program
from descentlab.optim.programs.reasons import reason_not_programmable
from descentlab.optim.recipe import Recipe


def reason(*words, model=None, **mlp):
    torch.manual_seed(0)
    model, recipe = model or MLP(8, 3, [6], **mlp), recipe_of(*words)
    batch = torch.eye(5, 8), torch.arange(5) % 3
    return reason_not_programmable(model, classification, recipe.make(model, 30), recipe, batch)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("optimizer=muon",),
        ("optimizer=schedulefree_adamw",),
        ("average.kind=ema",),
        ("optimizer=adamw", "optimizer.amsgrad=true", "optimizer.weight_decay=0"),
    ],
)
def test_no_reason(words):
    assert reason(*words) == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("optimizer=lbfgs",), "more than one gradient"),
        (("optimizer=sam",), "more than one gradient"),
        (("optimizer=adahessian",), "more than one gradient"),
        (("optimizer=lamb",), "no update rule for Lamb"),
        (("optimizer=adamw", "optimizer.amsgrad=true"), "no update rule for AdamW with these settings"),
        (("optimizer=adam", "+optimizer.maximize=true"), "no update rule for Adam with these settings"),
        (("trainer.precision=16-mixed",), "16-mixed"),
    ],
)
def test_reasons_of_optimizers(words, expected):
    assert expected in reason(*words)


@pytest.mark.parametrize("words", [("average.kind=ema",), ("optimizer=schedulefree_sgd",)])
def test_batch_normalization_with_averaged_weights(words):
    assert "running statistics" in reason(*words, norm="batch")


class Unused(MLP):
    def __init__(self):
        super().__init__(8, 3, [6])
        self.unused = nn.Linear(2, 2)


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 4, sparse=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.embed((x[:, 0] > 0).long()))


def test_parameters_without_a_gradient_or_with_a_sparse_one():
    assert "does not depend on the parameter unused.weight" in reason(model=Unused())
    assert "gradient of embed.weight is sparse" in reason("optimizer=sgd", model=Sparse())


def test_model_is_unchanged_by_the_trial():
    model = MLP(8, 3, [6], norm="batch", dropout=0.5).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(0)  # as `reason` does before the trial
    state = torch.get_rng_state()
    assert reason("optimizer=adam", model=model) == ""
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


class Random(MLP):
    def forward(self, x):
        return super().forward(alpha_dropout(x, 0.5, self.training))


class Branches(MLP):
    def forward(self, x):
        y = super().forward(x)
        return y if y.sum() > 0 else -y


@pytest.mark.parametrize("runs", [None, 2])
@pytest.mark.parametrize(("kind", "expected"), [(Random, "draws random numbers"), (Branches, "reads the value of a tensor")])
def test_steps_that_cannot_be_traced(kind, expected, runs):
    plain = small(0, recipe_of())
    member = Member(kind(8, 3, [6]).double(), classification, plain.recipe, plain.batches)
    state, numbers = member.step.initial_state(), torch.from_numpy(member.numbers.table(0, 1))[0]
    if runs:
        state, numbers = stack([state] * runs), torch.stack([numbers] * runs)
    with pytest.raises(NotTraceable, match=expected):
        Program(member.step, state, numbers, member.batches[0], runs, batch_is_shared=True)


@pytest.mark.slow
def test_every_optimizer_has_either_a_rule_or_a_reason():
    for name in every_optimizer():
        recipe: Recipe = recipe_of(f"optimizer={name}")
        if not reason(f"optimizer={name}"):
            assert Member(MLP(8, 3, [6]), classification, recipe, []).step.columns
