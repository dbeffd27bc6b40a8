"""The closed forms agree with each other, with scikit-learn, and with the limit of gradient descent."""

from functools import partial
from itertools import repeat
from types import SimpleNamespace

import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from torch import nn

from descentlab.rules import gradient_descent
from descentlab.rules.backprop import backpropagate, mse
from descentlab.rules.closed_form import least_squares, normal_equation, ridge
from descentlab.rules.loop import Until, minimize
from descentlab.tasks.regression import Regression

ZERO = [torch.zeros(2, 5, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
exact = pytest.mark.parametrize("solve", [normal_equation, least_squares])


def made(rows=60, features=5, outputs=2, seed=0, scale=1.0):
    torch.manual_seed(seed)
    x = scale * torch.randn(rows, features, dtype=torch.float64) + 3
    return x, x @ torch.randn(features, outputs, dtype=torch.float64) + torch.randn(rows, outputs, dtype=torch.float64) - 7


def scikit(model, x, y):
    fitted = model.fit(x.flatten(1).numpy(), y.numpy())
    return torch.as_tensor(fitted.coef_).reshape(y.shape[1], -1), torch.as_tensor(fitted.intercept_)


def assert_same(found, expected, tolerance=1e-10):
    torch.testing.assert_close(list(found), list(expected), rtol=tolerance, atol=tolerance)


def loss(weight, bias, x, y):
    """Return a linear module with these weights, and the regression task's loss of it."""
    module = nn.Linear(*reversed(weight.shape), dtype=torch.float64)
    module.load_state_dict({"weight": weight, "bias": bias})
    return module, Regression.loss(SimpleNamespace(error="mse"), module, (x, y))


@exact
@pytest.mark.parametrize("outputs", [1, 3])
def test_solutions_equal_scikit_learns_linear_regression(solve, outputs):
    x, y = made(outputs=outputs)
    assert_same(solve(x, y), scikit(LinearRegression(), x, y))


@exact
def test_solutions_on_unscaled_diabetes_data_equal_scikit_learns(solve):
    x, y = (torch.as_tensor(each) for each in load_diabetes(return_X_y=True, scaled=False))
    assert_same(solve(x, y), scikit(LinearRegression(), x, y[:, None]), 1e-8)


@exact
def test_gradient_of_the_tasks_loss_is_zero_at_the_solution(solve):
    x, y = made()
    module, value = loss(*solve(x, y), x, y)
    assert_same(torch.autograd.grad(value, list(module.parameters())), ZERO, 1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("decay", [0.0, 0.01, 10.0])
def test_ridge_equals_scikit_learns_with_scaled_alpha(outputs, decay):
    x, y = made(outputs=outputs)
    assert_same(ridge(x, y, decay), scikit(Ridge(alpha=decay * len(x) * outputs / 2), x, y))


def test_ridge_minimizes_the_tasks_loss_plus_the_l2_penalty():
    x, y = made()
    module, value = loss(*ridge(x, y, 0.3), x, y)
    total = value + 0.3 / 2 * module.weight.square().sum()  # not of the bias
    assert_same(torch.autograd.grad(total, list(module.parameters())), ZERO, 1e-12)


def test_gradient_descent_converges_to_the_normal_equation():
    x, y = made(scale=2.0)
    whole = partial(backpropagate, activations=[], loss=mse)
    result = minimize(ZERO, repeat((x - 3, y)), whole, gradient_descent, {"lr": 0.1}, Until(5000, 1e-15, 10))
    assert result.stopped == "tolerance"
    assert_same(result.weights, normal_equation(x - 3, y), 1e-5)


def test_inputs_may_have_any_shape_and_precision():
    x, y = made(features=6, outputs=1)
    weight, bias = normal_equation(x.reshape(60, 1, 2, 3).float(), y[:, 0].float())
    assert (weight.shape, bias.shape, weight.dtype) == ((1, 6), (1,), torch.float64)
    assert_same((weight, bias), normal_equation(x, y), 1e-4)


def singular(kind):
    x, y = made(rows=4 if kind == "few" else 60)
    x = x.clone()
    if kind == "constant":
        x[:, 2] = 0.1  # whose mean is not 0.1 to the last digit
    if kind == "zero":
        x[:, 2] = 0
    if kind == "sum":
        x[:, 4] = x[:, 0] - 2 * x[:, 1] + 1
    if kind == "scaled":
        x[:, 4] = 1e-6 * x[:, 0]
    return x, y


@pytest.mark.parametrize("kind", ["constant", "zero", "sum", "scaled", "few"])
def test_singular_matrix_is_refused_with_a_suggestion(kind):
    x, y = singular(kind)
    for solve in (normal_equation, partial(ridge, weight_decay=0.0)):
        with pytest.raises(ValueError, match=r"singular.*ridge.*least_squares"):
            solve(x, y)


@pytest.mark.parametrize("kind", ["constant", "zero", "sum", "scaled", "few"])
def test_least_squares_and_ridge_solve_singular_problems(kind):
    x, y = singular(kind)
    assert_same(least_squares(x, y), scikit(LinearRegression(), x, y), 1e-7)
    assert_same(ridge(x, y, 0.1), scikit(Ridge(alpha=0.1 * y.numel() / 2), x, y))


def test_badly_scaled_features_and_large_means_are_not_singular():
    x, y = made()
    x = x * torch.tensor([1e-6, 1.0, 1e6, 1.0, 1.0]) + torch.tensor([0.0, 2e3, 0.0, 1e6, 0.0])
    found = normal_equation(x, y)
    assert_same((found[0] * x.std(0), found[1] * 0), ((least_squares((x - x.mean(0)) / x.std(0), y)[0]), found[1] * 0), 1e-6)


def test_least_squares_is_more_precise_than_the_normal_equation():
    """With a condition number of 1e6, that of the normal equation is 1e12."""
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, 8, dtype=torch.float64))[0] for n in (100, 8))
    x = left @ torch.diag(torch.logspace(0, -6, 8, dtype=torch.float64)) @ right.T
    weight = torch.ones(1, 8, dtype=torch.float64)
    errors = [float((solve(x, x @ weight.T)[0] - weight).norm()) for solve in (normal_equation, least_squares)]
    assert errors[1] < 1e-8
    assert errors[0] > 100 * errors[1]


def test_negative_weight_decay_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        ridge(*made(), -0.1)
