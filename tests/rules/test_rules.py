"""Rules are pure, equal the optimizers of libraries, and give the same results under vmap over hyperparameters."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.func import vmap
from torch.testing import assert_close

from descentlab.optim import scratch
from descentlab.rules import adam, adamw, muon

from .rows import REFERENCES, RULES, Problem, label, made, numbers

close = partial(assert_close, rtol=0, atol=1e-6)


@pytest.mark.parametrize("reference", REFERENCES, ids=label)
def test_rule_equals_the_library_implementation_for_100_steps(reference):
    problem = Problem(reference.name)
    ours, theirs = problem.parameters(), problem.parameters()
    mine = made(reference.name, ours, **reference.given)
    other = reference.other(theirs, **reference.given, **reference.additional)
    evaluates = [mine, other] if hasattr(mine, "eval") else []
    for each in evaluates:
        each.train()  # schedulefree starts in eval mode
    for step in range(100):
        for params, optimizer in ((ours, mine), (theirs, other)):
            problem.descend(optimizer, params, step, step + 1)
        close(ours, theirs)
        _same_state(mine, ours, other, theirs)
        for each in evaluates:
            each.eval()
        close(ours, theirs)
        for each in evaluates:
            each.train()


def _same_state(mine, ours, other, theirs):
    for param, twin in zip(ours, theirs, strict=True):
        held = {key: value for key, value in other.state[twin].items() if value is not None}
        shared = held.keys() & mine.state[param].keys()
        assert shared or not held
        for key in shared:
            close(mine.state[param][key].reshape_as(held[key]), held[key], check_dtype=False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("row", RULES, ids=label)
def test_16_vmapped_runs_equal_16_single_runs(row, dtype):
    (name, options), problem = row, Problem(row[0], dtype)
    rule, hyper = getattr(scratch, name).rule, numbers(name)
    alone = [
        _descend(rule.init, partial(rule.update, **{key: values[k] for key, values in hyper.items()}, **options), problem)
        for k in range(16)
    ]
    update = vmap(lambda grad, state, param, hyper: rule.update(grad, state, param, **hyper, **options))
    stacked = {key: _stack(values) for key, values in hyper.items()}
    weights, states = _descend(vmap(rule.init), partial(_with, update, stacked), problem, copies=16)
    for k, (expected, state) in enumerate(alone):
        close([weight[k] for weight in weights], expected)
        close([{key: value[k] for key, value in each.items()} for each in states], state)
    assert all(weight.isfinite().all() and len(weight.unique(dim=0)) == 16 for weight in weights)


def _stack(values):
    """Return 16 numbers as a tensor, and 16 tuples as a tuple of tensors."""
    if isinstance(values[0], tuple):
        return tuple(_stack(each) for each in zip(*values, strict=True))
    return torch.tensor(values, dtype=torch.float64)


def _with(update, hyper, grad, state, param):
    return update(grad, state, param, hyper)


def _descend(init, update, problem, copies=None, steps=20):
    """Return weights and states after `steps` updates."""
    weights = [torch.atleast_1d(weight) for weight in problem.start]
    weights = [weight.expand(copies, *weight.shape).clone() for weight in weights] if copies else weights
    states = [init(weight) for weight in weights]
    for step in range(steps):
        every = zip(problem.gradients(weights, step), states, weights, strict=True)
        done = [update(grad, state, weight) for grad, state, weight in every]
        weights = [weight + increment for weight, (increment, _) in zip(weights, done, strict=True)]
        states = [state for _, state in done]
    return weights, states


@pytest.mark.parametrize("row", RULES, ids=label)
def test_rule_does_not_modify_its_arguments(row):
    name, options = row
    rule, problem = getattr(scratch, name).rule, Problem(name)

    def watched(grad, state, param):
        before = [grad.clone(), param.clone(), *(value.clone() for value in state.values())]
        increment, new = rule.update(grad, state, param, **options)
        if rule.evaluate is not None:
            rule.evaluate(state, param, **options)
        assert all(map(torch.equal, before, [grad, param, *state.values()]))
        assert {key: value.dtype for key, value in new.items()} == {key: value.dtype for key, value in state.items()}
        return increment, new

    _descend(rule.init, watched, problem, steps=3)


@pytest.mark.parametrize("row", RULES, ids=label)
def test_rule_decreases_a_quadratic(row):
    name, options = row
    problem = Problem(name, noise=0.0)
    params = problem.parameters()
    problem.descend(made(name, params, **options), params, 0, 200)
    assert problem.loss(params) < 0.999 * problem.loss(problem.start)


@pytest.mark.parametrize("name", dict(RULES))
def test_unknown_keyword_is_an_error(name):
    weight = torch.ones(2, 2)
    rule = getattr(scratch, name).rule
    with pytest.raises(TypeError, match="learning_rate"):
        rule.update(weight, rule.init(weight), weight, learning_rate=0.1)
    with pytest.raises(TypeError, match="learning_rate"):
        made(name, [weight], learning_rate=0.1)


@pytest.mark.parametrize("name", ["Lion", "SignSGD"])
def test_sign_rules_move_each_weight_by_lr(name):
    rule, problem = getattr(scratch, name).rule, Problem(name)

    def watched(grad, state, param):
        increment, state = rule.update(grad, state, param, lr=0.03)
        close(increment.abs(), torch.full_like(param, 0.03))
        return increment, state

    _descend(rule.init, watched, problem)


@pytest.mark.parametrize(("decay", "shrinks"), [("decoupled", 0.1 * 0.2), ("independent", 0.5 * 0.2), ("coupled", 0.1)])
def test_factor_of_weight_decay_in_adamw(decay, shrinks):
    """The update of a weight with gradient 0; with coupled decay the gradient is the decay, which Adam normalizes to lr."""
    weight = torch.ones(3)
    increment, _ = adamw.update(
        torch.zeros(3), adamw.init(weight), weight, lr=0.1, weight_decay=0.2, multiplier=0.5, decay=decay
    )
    close(increment, torch.full((3,), -shrinks))


def test_unknown_option_is_an_error():
    weight = torch.ones(2, 2)
    with pytest.raises(ValueError, match="decay=none"):
        adamw.update(weight, adamw.init(weight), weight, decay="none")
    with pytest.raises(ValueError, match="adjust_lr_fn=other"):
        muon.update(weight, muon.init(weight), weight, adjust_lr_fn="other")


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), ()])
def test_muon_accepts_only_matrices(shape):
    with pytest.raises(ValueError, match="matrices"):
        scratch.Muon([torch.zeros(shape)])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(16, 16), (24, 8), (8, 24)])
def test_newton_schulz_keeps_singular_vectors_and_moves_singular_values_near_1(shape, dtype):
    u, _, vt = torch.linalg.svd(torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64), False)
    given = torch.linspace(0.1, 3, len(vt) if shape[0] > shape[1] else shape[0], dtype=torch.float64)
    found = u.mT @ muon.newton_schulz((u * given @ vt).to(dtype), muon.COEFFICIENTS, 1e-7, 5).double() @ vt.mT
    assert found.diagonal().min() > 0.6
    assert found.diagonal().max() < 1.25
    assert_close(found, found.diagonal().diag(), rtol=0, atol=1e-9 if dtype == torch.float64 else 0.05)


def test_negative_centred_variance_is_clamped():
    weight, grad = torch.ones(1), torch.full((1,), 1.1)
    rule = scratch.RMSProp.rule
    state = rule.init(weight)
    for _ in range(3000):
        increment, state = rule.update(grad, state, weight, centered=True, eps=1e-3)
    assert increment.isfinite().all()


def test_bias_correction_is_in_double_precision():
    """In float32, 1 - 0.999 is wrong in the fifth digit, and so would be the first steps."""
    weight, grad = torch.zeros(1), torch.full((1,), 0.1)
    increment, _ = adam.update(grad, adam.init(weight), weight, lr=1.0, eps=0.0)
    assert_close(increment, torch.full((1,), -1.0), rtol=0, atol=2e-7)
