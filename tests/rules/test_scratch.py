"""Optimizers of rules: they equal the bare functions, resume bit for bit, and have modes if the rule has evaluation weights."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import pytest
import torch
from omegaconf import OmegaConf

from descentlab.optim import scratch
from descentlab.optim.scratch import optimizer_of
from descentlab.rules.rule import Rule

from .rows import RULES, Problem, label, made

NAMES = list(dict(RULES))
EVALUATING = ["ScheduleFreeSGD", "ScheduleFreeAdamW"]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def test_every_optimizer_is_tested():
    defined = [name for name, value in vars(scratch).items() if isinstance(value, type) and hasattr(value, "rule")]
    assert sorted(defined) == sorted(NAMES)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row", RULES, ids=label)
def test_optimizer_equals_the_functions_of_its_rule(row, dtype):
    (name, options), problem = row, Problem(row[0], dtype)
    params, weights = problem.parameters(), [torch.atleast_1d(weight.clone()) for weight in problem.start]
    optimizer = made(name, params, **options)
    states = [optimizer.rule.init(weight) for weight in weights]
    problem.descend(optimizer, params, 0, 10)
    for step in range(10):
        for i, grad in enumerate(problem.gradients(weights, step)):
            increment, states[i] = optimizer.rule.update(grad, states[i], weights[i], **options)
            weights[i] = weights[i] + increment
    for param, weight, state in zip(params, weights, states, strict=True):
        assert param.dtype == dtype
        _equal([param.detach().reshape_as(weight), *optimizer.state[param].values()], [weight, *state.values()])


def _equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("row", RULES, ids=label)
def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(row, dtype):
    (name, options), problem = row, Problem(row[0], dtype)
    params = problem.parameters()
    optimizer = made(name, params, **options)
    problem.descend(optimizer, params, 0, 10)
    again, loaded = _resumed(name, options, params, optimizer)
    problem.descend(optimizer, params, 10, 20)
    problem.descend(loaded, again, 10, 20)
    for param, twin in zip(params, again, strict=True):
        _equal([twin, *loaded.state[twin].values()], [param, *optimizer.state[param].values()])


def _resumed(name, options, params, optimizer):
    """Return parameters and optimizer after saving and loading."""
    file = io.BytesIO()
    torch.save({"weights": [param.detach() for param in params], "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = [torch.nn.Parameter(weight) for weight in saved["weights"]]
    loaded = made(name, again, **options)
    loaded.load_state_dict(saved["optimizer"])
    return again, loaded


def test_lists_of_a_config_are_stored_as_tuples():
    for given in (OmegaConf.create({"betas": [0.8, 0.9]}).betas, [0.8, 0.9]):
        optimizer = scratch.Adam([{"params": [torch.zeros(2)], "betas": given}], betas=given)
        assert type(optimizer.param_groups[0]["betas"]) is tuple


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_that_of_the_rule(name):
    kind = getattr(scratch, name)
    found = dict(inspect.signature(kind).parameters)
    expected = inspect.signature(kind.rule.update).parameters
    del found["params"]
    assert found == {key: value for key, value in expected.items() if value.kind is value.KEYWORD_ONLY}
    group = made(name, [torch.zeros(2, 2)]).param_groups[0]
    assert {key: group[key] for key in found} == {key: value.default for key, value in found.items()}
    assert set(group) - set(found) <= {"params", "train_mode"}


def test_groups_have_their_own_hyperparameters():
    params = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = scratch.GradientDescent([{"params": params[:1], "lr": 0.5}, {"params": params[1:]}], lr=0.25)
    for param in params:
        param.grad = torch.ones(1)
    optimizer.step()
    assert [param.item() for param in params] == [-0.5, -0.25]


def test_parameter_without_gradient_is_unchanged():
    moving, still = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = scratch.AdamW([moving, still])
    moving.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(still, torch.ones(2))
    assert still not in optimizer.state


def test_closure_computes_the_loss_and_the_gradient():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = scratch.GradientDescent([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).detach() == 4.0
    assert weight.item() == pytest.approx(1.6)


@pytest.mark.parametrize("name", NAMES)
def test_only_rules_with_evaluation_weights_have_modes(name):
    kind = getattr(scratch, name)
    assert hasattr(kind, "train") == hasattr(kind, "eval") == (name in EVALUATING)


@pytest.mark.parametrize("name", EVALUATING)
def test_train_restores_the_weights_after_eval_exactly(name):
    problem = Problem(name, torch.float32)
    params = problem.parameters()
    optimizer = made(name, params, lr=0.1)
    optimizer.eval()  # before the first step all weights are the same
    optimizer.train()
    problem.descend(optimizer, params, 0, 10)
    training = [param.detach().clone() for param in params]
    optimizer.train()
    _equal(params, training)
    optimizer.eval()
    evaluated = [param.detach().clone() for param in params]
    assert not any(map(torch.equal, evaluated, training))
    optimizer.eval()
    _equal(params, evaluated)
    with pytest.raises(RuntimeError, match="train"):
        optimizer.step()
    again, loaded = _resumed(name, {"lr": 0.1}, params, optimizer)
    for each, switched in ((optimizer, params), (loaded, again)):
        each.train()
        _equal(switched, training)
        problem.descend(each, switched, 10, 20)
    _equal(again, params)


@pytest.mark.parametrize("name", EVALUATING)
def test_learning_rate_of_0_leaves_the_weights_unchanged(name):
    problem = Problem(name)
    params = problem.parameters()
    optimizer = made(name, params, lr=0.0)
    problem.descend(optimizer, params, 0, 3)
    _equal(params, problem.start)
    optimizer.eval()
    _equal(params, problem.start)


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_can_be_copied_and_pickled(name):
    optimizer = made(name, [torch.nn.Parameter(torch.ones(2, 2))])
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert again.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def half(param):
    return {}


def halve(grad, state, param, *, lr, share=0.5):
    """Increment -share lr g."""
    return -share * lr * grad, state


Mine = optimizer_of("Mine", Rule(half, halve))


def test_optimizer_of_user_functions():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = Mine([weight], lr=1.0)
    weight.grad = torch.ones(1)
    optimizer.step()
    assert weight.item() == -0.5
    assert isinstance(pickle.loads(pickle.dumps(optimizer)), Mine)
    with pytest.raises(TypeError, match="lr"):
        Mine([weight])
