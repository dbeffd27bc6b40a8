"""Numbers that a program computes once per step."""

from __future__ import annotations

import pytest
import torch

from descentlab import compat
from descentlab.optim.programs.once import compute_once


def correct(weights, beta, step):
    """Divide by the bias correction of Adam, add a number that is cheap to compute, and return what a step returns."""
    return [weights / (1 - beta**step) + 2 * beta]


def stacked(weights, beta, step):
    return torch.vmap(lambda *each: correct(*each)[0])(weights, beta, step).unbind()


@pytest.mark.parametrize(("function", "shape", "runs"), [(correct, (), None), (stacked, (5,), 5)])
def test_expensive_numbers_become_outputs(function, shape, runs):
    inputs = [torch.rand(*shape, 4, 3), torch.rand(shape, dtype=torch.float64), torch.full(shape, 3.0)]
    graph = compat.trace(function, inputs)
    before = graph(*inputs)
    assert compute_once(graph, runs) == 1
    *after, correction = graph(*inputs)
    assert all(torch.equal(*each) for each in zip(after, before, strict=True))
    expected = 1 - inputs[1] ** inputs[2].double()
    assert correction.flatten().tolist() == pytest.approx(expected.flatten().tolist(), rel=1e-6)


def test_numbers_that_are_cheap_and_tensors_are_no_outputs():
    inputs = [torch.rand(4, 3), torch.rand((), dtype=torch.float64)]
    graph = compat.trace(lambda weights, rate: [(weights * (1 - rate)).exp() / weights.sqrt()], inputs)
    assert compute_once(graph, None) == 0
    assert len(graph(*inputs)) == 1


def test_a_number_that_only_numbers_use_is_no_output():
    graph = compat.trace(lambda loss: [loss.sqrt(), 2 * loss.sqrt()], [torch.tensor(2.0)])
    assert compute_once(graph, None) == 0
