"""The gradient by hand equals autograd and finite differences, for the losses and models of runs."""

from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from descentlab.models.linear import Linear
from descentlab.models.mlp import ACTIVATIONS as MODULES
from descentlab.models.mlp import MLP
from descentlab.rules.backprop import ACTIVATIONS, backpropagate, bce, cce, forward, mse
from descentlab.rules.numerical import numerical_gradient
from descentlab.tasks.binary import Binary
from descentlab.tasks.classification import Classification
from descentlab.tasks.regression import Regression

ROWS, FEATURES = 7, 5
LOSSES = {"regression": mse, "binary": bce, "classification": cce}
TASKS = {"regression": Regression, "binary": Binary, "classification": Classification}
OUTPUTS = {"regression": 3, "binary": 1, "classification": 4}
NETS = {  # hidden widths and activations
    "no hidden layer": ([], []),
    "one hidden layer": ([6], ["tanh"]),
    "three hidden layers": ([6, 4, 8], ["relu", "gelu", "sigmoid"]),
}
every_loss = pytest.mark.parametrize("kind", LOSSES)
every_net = pytest.mark.parametrize("net", NETS)


def task_loss(kind, predict, batch):
    """Return the task's loss; with default settings it depends on the arguments alone."""
    error = "cross_entropy" if kind == "classification" else "mse"  # this and the following: the defaults of the tasks
    more = {"z_weight": 0.0, "focus": 0.0, "weight": torch.tensor(1.0), "weights": None, "in_float64": False}
    plain = SimpleNamespace(error=error, **more)
    return TASKS[kind].loss(plain, predict, batch)


def targets(kind, rows=ROWS):
    return {
        "regression": torch.randn(rows, 3, dtype=torch.float64),
        "binary": torch.randint(2, (rows,)).double(),
        "classification": torch.randint(4, (rows,)),
    }[kind]


def made(kind, net, seed=0):
    """Return weights, activations and a batch."""
    torch.manual_seed(seed)
    hidden, activations = NETS[net]
    weights = []
    for inputs, width in pairwise([FEATURES, *hidden, OUTPUTS[kind]]):
        weights += [torch.randn(width, inputs, dtype=torch.float64), torch.randn(width, dtype=torch.float64)]
    return weights, activations, (torch.randn(ROWS, FEATURES, dtype=torch.float64), targets(kind))


def by_autograd(kind, weights, activations, batch):
    """Return the task's loss and its gradients by autograd through torch's layers."""
    leaves = [weight.clone().requires_grad_() for weight in weights]

    def predict(x):
        for weight, bias, name in zip(leaves[::2], leaves[1::2], [*activations, "identity"], strict=True):
            x = MODULES[name]()(nn.functional.linear(x, weight, bias))
        return x

    loss = task_loss(kind, predict, batch)
    return loss, torch.autograd.grad(loss, leaves)


def assert_same(found, expected, tolerance=1e-10):
    torch.testing.assert_close(list(found), list(expected), rtol=tolerance, atol=tolerance)


class ByHand(torch.autograd.Function):
    """An autograd function with the loss and the gradient of backpropagate."""

    @staticmethod
    def forward(ctx, batch, activations, loss, *weights):
        value, grads = backpropagate(weights, batch, activations, loss)
        ctx.save_for_backward(*grads)
        return value

    @staticmethod
    def backward(ctx, outer):
        return None, None, None, *(outer * grad for grad in ctx.saved_tensors)


@every_loss
@every_net
def test_loss_and_gradient_equal_autograd_of_the_tasks_loss(kind, net):
    weights, activations, batch = made(kind, net)
    loss, grads = backpropagate(weights, batch, activations, LOSSES[kind])
    expected, expected_grads = by_autograd(kind, weights, activations, batch)
    assert_same([loss, *grads], [expected.detach(), *expected_grads])


@every_loss
@every_net
def test_gradient_equals_finite_differences(kind, net):
    weights, activations, batch = made(kind, net)
    grads = backpropagate(weights, batch, activations, LOSSES[kind])[1]
    differences = numerical_gradient(lambda moved: backpropagate(moved, batch, activations, LOSSES[kind])[0], weights)
    assert_same(grads, differences, 1e-7)


@every_loss
@every_net
def test_torchs_gradcheck_passes(kind, net):
    weights, activations, batch = made(kind, net)
    leaves = [weight.requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(partial(ByHand.apply, batch, activations, LOSSES[kind]), leaves)


@pytest.mark.parametrize("name", MODULES)
def test_activations_and_derivatives_equal_those_of_the_models(name):
    z = torch.cat([torch.linspace(-40, 40, 161), torch.zeros(1), torch.tensor([-1e3, 1e3])]).double().requires_grad_()
    value = MODULES[name]()(z)
    assert_same([ACTIVATIONS[name].value(z)], [value], 1e-14)
    assert_same([ACTIVATIONS[name].slope(z)], torch.autograd.grad(value.sum(), z), 1e-14)


def test_every_activation_of_the_models_is_implemented():
    assert ACTIVATIONS.keys() == MODULES.keys()


@every_loss
@pytest.mark.parametrize("model", ["linear", *MODULES])
def test_parameters_of_a_model_can_be_used_directly(kind, model):
    torch.manual_seed(1)
    shape = {"num_features": FEATURES * 2, "num_outputs": OUTPUTS[kind]}
    net = Linear(**shape, init="glorot") if model == "linear" else MLP(**shape, hidden=[6, 4], activation=model)
    net = net.double()
    batch = (torch.randn(ROWS, 2, FEATURES, dtype=torch.float64), targets(kind))  # flattened by both
    expected = task_loss(kind, net, batch)
    expected.backward()
    weights = [parameter.detach() for parameter in net.parameters()]
    loss, grads = backpropagate(weights, batch, [] if model == "linear" else [model] * 2, LOSSES[kind])
    assert_same([loss, *grads], [expected.detach(), *(parameter.grad for parameter in net.parameters())])


@every_loss
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_losses_equal_the_tasks_for_extreme_outputs(kind, scale):
    torch.manual_seed(2)
    outputs = (scale * torch.randn(ROWS, OUTPUTS[kind], dtype=torch.float64)).requires_grad_()
    wanted = targets(kind)
    expected = task_loss(kind, lambda _: outputs, (outputs, wanted))
    loss, slope = LOSSES[kind](outputs.detach(), wanted)
    assert slope.isfinite().all()
    assert_same([loss, slope], [expected.detach(), *torch.autograd.grad(expected, outputs)], 1e-12)


def test_single_precision_is_kept():
    weights, activations, (x, classes) = made("classification", "three hidden layers")
    loss, grads = backpropagate([w.float() for w in weights], (x.float(), classes), activations, cce)
    assert {each.dtype for each in [loss, *grads]} == {torch.float32}


@pytest.mark.parametrize(("kind", "wrong"), [("regression", (ROWS,)), ("binary", (ROWS, 1))])
def test_targets_of_another_shape_are_refused(kind, wrong):
    weights, activations, (x, _) = made(kind, "no hidden layer")
    with pytest.raises(ValueError, match="shape"):
        backpropagate(weights, (x, torch.zeros(wrong, dtype=torch.float64)), activations, LOSSES[kind])


def test_number_of_activations_must_equal_that_of_hidden_layers():
    weights, _, (x, _) = made("regression", "one hidden layer")
    with pytest.raises(ValueError, match="zip"):
        forward(weights, [], x)


def test_finite_differences_of_a_cubic_leave_the_weights_unchanged():
    w = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    before = w.clone()
    (found,) = numerical_gradient(lambda weights: (weights[0] ** 3).sum(), [w.T])
    assert_same([found], [3 * w.T.double() ** 2], 1e-8)
    assert torch.equal(w, before)
