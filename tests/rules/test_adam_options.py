"""Options of Adam: closed forms for a constant gradient, and its limit for a large eps."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from descentlab.rules import adam, momentum

from .rows import Problem

GRADIENT = torch.tensor([2.0, -0.5, 1e-3], dtype=torch.float64)
B1, B2 = 0.9, 0.99
FACTORS = {  # the increment after t steps divided by -lr sign(g), with eps = 0
    (True, "zeros"): lambda t: 1.0,
    (False, "zeros"): lambda t: (1 - B1**t) / (1 - B2**t) ** 0.5,
    ("first", "zeros"): lambda t: 1 / (1 - B2**t) ** 0.5,
    ("second", "zeros"): lambda t: 1 - B1**t,
    (True, "gradient"): lambda t: (1 - B2**t) ** 0.5,
    (False, "gradient"): lambda t: 1 - B1**t,
}


def descended(rule, update, gradients):
    """Return the increments of a weight at 0 for consecutive gradients."""
    weight, found = torch.zeros_like(gradients[0]), []
    state = rule.init(weight)
    for gradient in gradients:
        increment, state = update(gradient, state, weight)
        weight = weight + increment
        found.append(increment)
    return found


@pytest.mark.parametrize("options", FACTORS, ids=str)
def test_increments_under_a_constant_gradient_have_their_closed_form(options):
    given = dict(zip(("bias_correction", "second_moment_init"), options, strict=True))
    update = partial(adam.update, lr=0.1, betas=(B1, B2), eps=0.0, **given)
    for t, increment in enumerate(descended(adam, update, [GRADIENT] * 30), 1):
        assert_close(increment, -0.1 * FACTORS[options](t) * GRADIENT.sign())


@pytest.mark.parametrize("name", ["bias_correction", "second_moment_init"])
def test_an_unknown_option_is_an_error(name):
    weight = torch.ones(2)
    with pytest.raises(ValueError, match=f"{name}=third is not one of"):
        adam.update(weight, adam.init(weight), weight, **{name: "third"})


def test_adam_with_a_large_eps_and_an_uncorrected_first_moment_is_the_heavy_ball():
    """arXiv:1910.05446, appendix: the second moment vanishes next to eps, and the first is (1 - b) times the velocity."""
    problem, rate, eps = Problem(""), 0.01, 1e6
    update = partial(adam.update, lr=rate * eps / (1 - B1), betas=(B1, 0.999), eps=eps, bias_correction="second")
    for place in range(2):
        gradients = [problem.gradients(problem.start, step)[place] for step in range(200)]
        ours = torch.stack(descended(adam, update, gradients))
        expected = torch.stack(descended(momentum, partial(momentum.update, lr=rate, momentum=B1), gradients))
        assert_close(ours, expected, rtol=1e-4, atol=1e-9)
