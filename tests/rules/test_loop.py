"""The loop converges, stops with the right reason, and takes the same steps as torch's optimizers."""

import importlib
from functools import partial
from itertools import count, islice, repeat

import pytest
import torch

from descentlab.rules.backprop import backpropagate, cce, forward
from descentlab.rules.loop import BATCHES, DIVERGED, LIMIT, TOLERANCE, Until, descend, minimize
from descentlab.rules.rule import Rule

SCALES = torch.tensor([1.0, 4.0], dtype=torch.float64)
LOWEST = torch.tensor([3.0, -2.0], dtype=torch.float64)
ORIGIN = [torch.zeros(2, dtype=torch.float64)]
WHOLE = repeat(None)

plain = Rule(lambda param: {}, lambda grad, state, param, *, lr: (-lr * grad, state))


def valley(weights, batch):
    """Return a quadratic with its minimum at LOWEST, and its gradient."""
    away = weights[0] - LOWEST
    return 0.5 * (SCALES * away**2).sum(), [SCALES * away]


def rule(name):
    return importlib.import_module("descentlab.rules." + name)


def classes(step, rows=16):
    """Return the batch of a step."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(rows, 6, generator=generator, dtype=torch.float64)
    return x, x[:, :3].argmax(1)


def net():
    torch.manual_seed(0)
    return [0.5 * torch.randn(shape, dtype=torch.float64) for shape in [(8, 6), (8,), (3, 8), (3,)]]


by_hand = partial(backpropagate, activations=["tanh"], loss=cce)


def by_torch(optimizer, steps, lr=lambda step: 0.1, **hyper):
    """Return the losses and weights of a plain torch loop with autograd."""
    leaves = [weight.requires_grad_() for weight in net()]
    chosen, losses = optimizer(leaves, lr=lr(0), **hyper), []
    for step in range(steps):
        chosen.param_groups[0]["lr"] = lr(step)
        x, labels = classes(step)
        loss = torch.nn.functional.cross_entropy(forward(leaves, ["tanh"], x)[1][-1], labels)
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        losses.append(loss.item())
    return losses, [leaf.detach() for leaf in leaves]


def assert_same(result, losses, weights, tolerance=1e-12):
    assert result.losses == pytest.approx(losses, rel=tolerance, abs=tolerance)
    torch.testing.assert_close(result.weights, weights, rtol=tolerance, atol=tolerance)


def test_descent_on_a_quadratic_converges():
    result = minimize(ORIGIN, WHOLE, valley, plain, {"lr": 0.2}, Until(200))
    torch.testing.assert_close(result.weights, [LOWEST])
    assert result.losses == sorted(result.losses, reverse=True)


def test_steps_follow_the_formula():
    """In each coordinate, a step multiplies the error by 1 - lr * scale."""
    result = minimize(ORIGIN, WHOLE, valley, plain, {"lr": 0.1}, Until(10))
    torch.testing.assert_close(result.weights, [LOWEST - LOWEST * (1 - 0.1 * SCALES) ** 10], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "hyper"), [("momentum", {"lr": 0.1}), ("adam", {"lr": 0.3})])
def test_other_rules_converge(name, hyper):
    pytest.importorskip(f"descentlab.rules.{name}")
    result = minimize(ORIGIN, WHOLE, valley, rule(name), hyper, Until(1000))
    torch.testing.assert_close(result.weights, [LOWEST], rtol=1e-3, atol=1e-3)


def test_descent_stops_at_the_limit():
    result = minimize(ORIGIN, WHOLE, valley, plain, {"lr": 0.1}, Until(7))
    assert (len(result.losses), result.stopped) == (7, LIMIT)
    assert minimize(ORIGIN, WHOLE, valley, plain, {"lr": 0.1}, Until(0)).stopped == LIMIT


@pytest.mark.parametrize("patience", [1, 5])
def test_descent_stops_when_the_loss_does_not_change(patience):
    result = minimize(ORIGIN, WHOLE, valley, plain, {"lr": 0.1}, Until(1000, 1e-6, patience))
    changes = [abs(a - b) for a, b in zip(result.losses, result.losses[1:], strict=False)]
    assert result.stopped == TOLERANCE
    assert [change < 1e-6 for change in changes[-patience - 1 :]] == [False] + [True] * patience


def test_unchanged_losses_must_be_consecutive():
    heights = iter([5.0, 5.0, 4.0, 4.0, 4.0, 1.0])
    result = minimize(ORIGIN, WHOLE, lambda w, _: (torch.tensor(next(heights)), w), plain, {"lr": 0.1}, Until(6, 0.1, 2))
    assert (result.losses, result.stopped) == ([5.0, 5.0, 4.0, 4.0, 4.0], TOLERANCE)


def test_zero_tolerance_disables_the_criterion():
    result = minimize([LOWEST], WHOLE, valley, plain, {"lr": 0.1}, Until(9))
    assert (len(result.losses), result.stopped) == (9, LIMIT)


def test_descent_stops_when_the_loss_is_not_finite():
    result = minimize(ORIGIN, WHOLE, valley, plain, {"lr": 100.0}, Until(1000, 1e-6))
    assert result.stopped == DIVERGED
    assert len(result.losses) < 200


def test_descent_stops_when_the_batches_are_exhausted():
    result = minimize(ORIGIN, [None] * 3, valley, plain, {"lr": 0.1}, Until(10))
    assert (len(result.losses), result.stopped) == (3, BATCHES)


def test_only_used_batches_are_requested():
    asked = count()
    minimize(ORIGIN, asked, valley, plain, {"lr": 0.1}, Until(4))
    assert next(asked) == 4


@pytest.mark.parametrize("lr", [lambda step: 0.1, lambda step: 0.1 / (1 + step)], ids=["constant", "schedule"])
def test_descent_equals_a_loop_with_torch_sgd(lr):
    losses, weights = by_torch(torch.optim.SGD, 50, lr)
    result = minimize(net(), map(classes, count()), by_hand, plain, {"lr": lr}, Until(50))
    assert_same(result, losses, weights)


@pytest.mark.parametrize(
    ("name", "optimizer", "hyper"),
    [
        ("gradient_descent", torch.optim.SGD, {}),
        ("momentum", partial(torch.optim.SGD, momentum=0.9), {}),
        ("adam", torch.optim.Adam, {}),
    ],
)
def test_descent_with_a_rule_equals_a_loop_with_torchs_optimizer(name, optimizer, hyper):
    pytest.importorskip(f"descentlab.rules.{name}")
    losses, weights = by_torch(optimizer, 50, **hyper)
    assert_same(minimize(net(), map(classes, count()), by_hand, rule(name), {"lr": 0.1}, Until(50)), losses, weights, 1e-9)


counting = Rule(
    lambda param: {"sum": torch.zeros_like(param)},
    lambda grad, state, param, *, lr: (-lr * (state["sum"] + grad), {"sum": state["sum"] + grad}),
)


def test_yielded_updates_do_not_change_and_suffice_to_resume():
    whole = list(descend(net(), map(classes, count()), by_hand, counting, {"lr": 0.05}, Until(20)))
    assert [update.step for update in whole] == list(range(1, 21))
    assert [update.stopped for update in whole] == [""] * 19 + [LIMIT]
    at = whole[7]
    rest = descend(at.weights, map(classes, count(8)), by_hand, counting, {"lr": 0.05}, Until(20), at.step, at.states)
    for again, before in zip(rest, whole[8:], strict=True):
        assert (again.step, again.loss, again.hyper) == (before.step, before.loss, before.hyper)
        assert all(map(torch.equal, again.weights, before.weights))


def test_weights_of_the_caller_are_not_modified():
    weights = [torch.nn.Parameter(weight) for weight in net()]
    last = list(islice(descend(weights, map(classes, count()), by_hand, plain, {"lr": 0.1}, Until(9)), 3))[-1]
    assert all(map(torch.equal, weights, net()))
    assert not any(weight.requires_grad for weight in last.weights)


def test_update_contains_the_loss_before_it_its_gradient_and_rate():
    first = next(iter(descend(ORIGIN, WHOLE, valley, plain, {"lr": lambda step: 0.5 / (step + 1)}, Until(5))))
    assert first.loss == float(valley(ORIGIN, None)[0])
    assert first.hyper == {"lr": 0.5}
    torch.testing.assert_close(first.weights[0], ORIGIN[0] - 0.5 * first.grads[0])
