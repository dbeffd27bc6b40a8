"""The diagonal of each optimizer is that of its update, and its limit that beyond which it diverges."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from descentlab.optim import scratch
from descentlab.optim.composite import Composite
from descentlab.optim.preconditioner import preconditioner, stability_limit

LR = 0.05
AVERAGES = {  # whose update is -lr D times the moving average of the gradient
    "adam": partial(torch.optim.Adam, lr=LR),
    "adam_unusual": partial(torch.optim.Adam, lr=LR, betas=(0.8, 0.7), eps=0.1),
    "amsgrad": partial(torch.optim.Adam, lr=LR, amsgrad=True),
    "adamw": partial(torch.optim.AdamW, lr=LR, weight_decay=0.0),
    "adamax": partial(torch.optim.Adamax, lr=LR),
    "radam": partial(torch.optim.RAdam, lr=LR),
    "scratch/adam": partial(scratch.Adam, lr=LR),
    "scratch/adam_uncorrected": partial(scratch.Adam, lr=LR, bias_correction=False),
    "scratch/adam_first": partial(scratch.Adam, lr=LR, bias_correction="first", second_moment_init="gradient"),
    "scratch/amsgrad": partial(scratch.AMSGrad, lr=LR),
    "scratch/radam": partial(scratch.RAdam, lr=LR),
}
GRADIENTS = {  # whose update is -lr D times the gradient
    "rmsprop": partial(torch.optim.RMSprop, lr=LR),
    "rmsprop_centered": partial(torch.optim.RMSprop, lr=LR, centered=True),
    "adagrad": partial(torch.optim.Adagrad, lr=LR, lr_decay=0.1),
    "scratch/adagrad": partial(scratch.AdaGrad, lr=LR),
}


def steps(make, count):
    """Take `count` steps with random gradients; return optimizer, parameters, and the last update and gradient."""
    torch.manual_seed(0)
    parameters = {"a": nn.Parameter(torch.randn(3, 2)), "b": nn.Parameter(torch.randn(()))}
    optimizer = make(list(parameters.values()))
    before = {}
    for _ in range(count):
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        for parameter in parameters.values():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    return optimizer, parameters, {name: parameters[name].detach() - before[name] for name in parameters}


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("name", [*AVERAGES, *GRADIENTS])
def test_the_update_is_the_diagonal_times_the_average_or_the_gradient(name, count):
    optimizer, parameters, updates = steps({**AVERAGES, **GRADIENTS}[name], count)
    found = preconditioner(optimizer, parameters, LR)
    for key, parameter in parameters.items():
        moment = optimizer.state[parameter]["exp_avg"] if name in AVERAGES else parameter.grad
        torch.testing.assert_close(-LR * found[key] * moment.view_as(parameter), updates[key], rtol=1e-4, atol=1e-6)


def test_the_diagonal_of_nadam_is_that_of_adam_without_the_correction_of_the_first_moment():
    adam, parameters, _ = steps(AVERAGES["adam"], 3)
    nadam, others, _ = steps(partial(torch.optim.NAdam, lr=LR), 3)
    expected = preconditioner(adam, parameters, LR)["a"] * (1 - 0.9**3)
    torch.testing.assert_close(preconditioner(nadam, others, LR)["a"], expected)


def test_gradient_descent_has_none_unless_its_groups_have_different_rates():
    parameters = {"a": nn.Parameter(torch.ones(2)), "b": nn.Parameter(torch.ones(3))}
    plain = torch.optim.SGD(parameters.values(), lr=0.1, momentum=0.9)
    assert preconditioner(plain, parameters, 0.1) is None
    groups = torch.optim.SGD([{"params": [parameters["a"]], "lr": 0.1}, {"params": [parameters["b"]], "lr": 0.05}])
    found = preconditioner(groups, parameters, 0.1)
    assert {name: value.tolist() for name, value in found.items()} == {"a": [1, 1], "b": [0.5, 0.5, 0.5]}


def test_an_optimizer_without_a_diagonal_has_none():
    parameters = {"a": nn.Parameter(torch.ones(2, 2)), "b": nn.Parameter(torch.ones(3))}
    muon = torch.optim.Muon([parameters["a"]], lr=0.1)
    both = Composite([muon, torch.optim.AdamW([parameters["b"]], lr=0.1)])
    assert preconditioner(both, parameters, 0.1) is None
    assert stability_limit(both) is None


def test_a_parameter_that_no_gradient_has_reached_does_not_move():
    parameters = {"a": nn.Parameter(torch.ones(2)), "b": nn.Parameter(torch.ones(3))}
    optimizer = torch.optim.Adam(parameters.values(), lr=LR)
    parameters["a"].grad = torch.ones(2)
    optimizer.step()
    assert preconditioner(optimizer, parameters, LR)["b"].tolist() == [0, 0, 0]


def averages(parameters, lr, betas):
    """Return Adam's momentum with a constant diagonal, the identity."""
    return Averaging(parameters, {"lr": lr, "betas": betas})


class Averaging(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                average = self.state[parameter].get("average", torch.zeros_like(parameter))
                self.state[parameter]["average"] = average.lerp(parameter.grad, 1 - group["betas"][0])
                parameter.sub_(group["lr"] * self.state[parameter]["average"])


SGD = torch.optim.SGD
LIMITS = {
    "sgd": (SGD, None),
    "momentum": (lambda p, lr: SGD(p, lr, momentum=0.9), None),
    "dampened": (lambda p, lr: SGD(p, lr, momentum=0.8, dampening=0.5), None),
    "nesterov": (lambda p, lr: SGD(p, lr, momentum=0.9, nesterov=True), None),
    "adam": (lambda p, lr: averages(p, lr, (0.9, 0.999)), lambda p: torch.optim.Adam(p, 0.1)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_divides_convergence_from_divergence_on_a_quadratic(name):
    make, optimizer = LIMITS[name]
    probed = (optimizer or (lambda p: make(p, 0.1)))([nn.Parameter(torch.ones(1))])
    limit, eigenvalue = stability_limit(probed), 7.0
    ends = []
    for share in (0.97, 1.03):
        point = nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = make([point], share * limit / eigenvalue)
        for _ in range(3000):
            point.grad = eigenvalue * point.detach()
            optimizer.step()
        ends.append(abs(float(point)))
    assert ends[0] < 1e-3
    assert not ends[1] < 1e3


def test_the_limit_of_adam_is_38():
    assert stability_limit(torch.optim.Adam([nn.Parameter(torch.ones(1))])) == pytest.approx(38)
