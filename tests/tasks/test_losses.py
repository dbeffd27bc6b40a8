"""Losses equal their formulas for any callable; metrics equal scikit-learn's."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score, root_mean_squared_error
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from descentlab.optim.recipe import Recipe
from descentlab.tasks.binary import Binary
from descentlab.tasks.classification import Classification
from descentlab.tasks.regression import Regression
from descentlab.tasks.value import Value


def cross_entropy(logits, classes):
    top = logits.max(1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(logits - top).sum(1))
    return total - logits[np.arange(len(classes)), classes]


def binary_cross_entropy(logits, targets):
    return np.logaddexp(0, logits[:, 0]) - targets * logits[:, 0]


TASKS = {
    "classification": (partial(Classification, num_classes=4), cross_entropy),
    "binary": (partial(Binary, positive="yes"), binary_cross_entropy),
    "regression": (partial(Regression, unit="m"), lambda outputs, targets: ((outputs - targets) ** 2).mean(1)),
    "value": (partial(Value, points=10), lambda outputs: outputs),
}
every_task = pytest.mark.parametrize("name", TASKS)


def task(name, model=None):
    model = model or nn.Identity()
    make = TASKS[name][0]
    return make(model=model, recipe=Recipe(optimizer=torch.optim.SGD), monitor="loss", mode="min")


def batch(name, rows=9, seed=0, scale=1.0):
    """Return outputs and targets of the right shapes."""
    torch.manual_seed(seed)
    return {
        "classification": (scale * torch.randn(rows, 4), torch.randint(4, (rows,))),
        "binary": (scale * torch.randn(rows, 1), torch.randint(2, (rows,)).float()),
        "regression": (scale * torch.randn(rows, 1), torch.randn(rows, 1)),
        "value": (scale * torch.randn(rows),),
    }[name]


def predict(outputs):
    return outputs


@every_task
@pytest.mark.parametrize("rows", [1, 9])
def test_loss_is_the_formula_averaged_over_examples(name, rows):
    made = batch(name, rows)
    expected = TASKS[name][1](*(each.numpy().astype(np.float64 if each.is_floating_point() else int) for each in made))
    assert expected.shape == (rows,)
    loss = task(name).loss(predict, made)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-5)


@every_task
def test_repeating_a_batch_does_not_change_its_loss(name):
    made = batch(name)
    twice = tuple(torch.cat([each, each]) for each in made)
    assert float(task(name).loss(predict, twice)) == pytest.approx(float(task(name).loss(predict, made)), rel=1e-6)


@every_task
def test_extreme_outputs_have_a_finite_loss_and_gradient(name):
    made = batch(name)
    for sign in (-1e4, 1e4):
        outputs = (made[0].sign() * sign).requires_grad_()
        loss = task(name).loss(predict, (outputs, *made[1:]))
        loss.backward()
        expected = TASKS[name][1](
            *(e.detach().numpy().astype(float if e.is_floating_point() else int) for e in (outputs, *made[1:]))
        )
        assert loss.item() == pytest.approx(expected.mean(), rel=1e-5)
        assert outputs.grad.isfinite().all()


class Sum(nn.Module):
    """Model of the values (batch,) that the task minimizes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x):
        return ((x - self.weight) ** 2).sum(-1)


OUTPUTS = {"classification": 4, "binary": 1, "regression": 1}


@every_task
def test_loss_works_with_functional_call_and_vmap(name):
    torch.manual_seed(1)
    models = [nn.Linear(3, OUTPUTS[name]) if name in OUTPUTS else Sum() for _ in range(5)]
    made, inputs = task(name), torch.randn(9, 3)
    data = (inputs, *batch(name)[1:])

    def loss(parameters):
        return made.loss(lambda x: functional_call(models[0], parameters, (x,)), data)

    stack, _ = stack_module_state(models)
    stacked, gradients = vmap(loss)(stack), vmap(grad(loss))(stack)
    for index, model in enumerate(models):
        alone = made.loss(model, data)
        torch.testing.assert_close(loss(dict(model.named_parameters())), alone)
        torch.testing.assert_close(stacked[index], alone)
        for key, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[key][index], torch.autograd.grad(alone, parameter, retain_graph=True)[0])


def scores(name, batches):
    """Return the values that a task computes over batches of outputs and targets."""
    made = task(name)
    for index, each in enumerate(batches):
        made.validation_step(each, index)
    return {key: float(value) for key, value in made.valid.collect("valid/").items()}


def uneven(name, scale=1.0):
    """Return batches of 30, 30 and 7, and their concatenation."""
    batches = [batch(name, rows, seed, scale) for seed, rows in enumerate((30, 30, 7))]
    return batches, tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


@every_task
def test_loss_over_batches_equals_the_loss_of_the_whole(name):
    batches, whole = uneven(name)
    assert scores(name, batches)["valid/loss"] == pytest.approx(float(task(name).loss(predict, whole)), rel=1e-5)


def test_accuracy_over_classes():
    batches, (logits, classes) = uneven("classification")
    expected = accuracy_score(classes, logits.argmax(1))
    assert scores("classification", batches)["valid/accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 100.0])  # at 100 a sigmoid in 32 bits is 0 or 1 for most
def test_binary_accuracy_and_auroc(scale):
    batches, (logits, targets) = uneven("binary", scale)
    found = scores("binary", batches)
    assert found["valid/accuracy"] == pytest.approx(accuracy_score(targets, logits[:, 0] > 0))
    assert found["valid/auroc"] == pytest.approx(roc_auc_score(targets, logits[:, 0]))


def test_rmse_and_r2():
    batches, (outputs, targets) = uneven("regression")
    found = scores("regression", batches)
    assert found["valid/rmse"] == pytest.approx(root_mean_squared_error(targets, outputs), rel=1e-5)
    assert found["valid/r2"] == pytest.approx(r2_score(targets, outputs), rel=1e-5)


@every_task
def test_collecting_resets_the_metrics(name):
    made, first, second = task(name), batch(name, seed=0), batch(name, seed=1)
    made.validation_step(first, 0)
    made.valid.collect("valid/")
    made.validation_step(second, 0)
    assert {key: float(value) for key, value in made.valid.collect("valid/").items()} == scores(name, [second])


@every_task
def test_validation_and_test_are_accumulated_separately(name):
    made, first, second = task(name), batch(name, seed=0), batch(name, seed=1)
    made.validation_step(first, 0)
    made.test_step(second, 0)
    assert float(made.valid.collect("valid/")["valid/loss"]) == pytest.approx(float(made.loss(predict, first)))
    assert float(made.test.collect("test/")["test/loss"]) == pytest.approx(float(made.loss(predict, second)))


@every_task
def test_batch_with_nan_loss_makes_the_mean_nan(name):
    good, bad = batch(name), batch(name, seed=1)
    made = task(name)
    made.valid.loss.update(made.loss(predict, good), len(good[0]))
    made.valid.loss.update(made.loss(predict, (bad[0] * torch.nan, *bad[1:])), len(bad[0]))
    assert made.valid.loss.compute().isnan()


@pytest.mark.parametrize(("kind", "tolerance"), [(torch.bfloat16, 1e-6), (torch.float64, 1e-12)])
def test_mean_has_the_precision_of_the_losses_and_at_least_32_bits(kind, tolerance):
    made = task("value")
    made = made.double() if kind is torch.float64 else made.to(kind)  # as Lightning does for 64-true and bf16-true
    batches = [(batch("value", seed=seed)[0].to(kind),) for seed in range(50)]
    losses = [float(made.loss(predict, each)) for each in batches]
    for index, each in enumerate([*batches, None, *batches]):  # twice, since a reset must keep the precision
        made.validation_step(each, index) if each else made.valid.collect("valid/")
    assert float(made.valid.collect("valid/")["valid/loss"]) == pytest.approx(np.mean(losses), rel=tolerance)


def test_outputs_of_another_shape_are_refused():
    outputs, targets = batch("regression")
    with pytest.raises((ValueError, RuntimeError)):
        task("regression").loss(predict, (outputs, targets[:, 0]))


@pytest.mark.parametrize(("error", "by_hand"), [("l1", (2.0 + 0.5) / 2), ("huber", (1.5 + 0.125) / 2), ("mse", (4 + 0.25) / 2)])
def test_errors_of_regression_equal_their_formulas(error, by_hand):
    made = Regression(
        unit="m", error=error, model=nn.Identity(), recipe=Recipe(optimizer=torch.optim.SGD), monitor="rmse", mode="min"
    )
    found = made.loss(predict, (torch.tensor([[2.0], [0.5]]), torch.zeros(2, 1)))
    assert float(found) == pytest.approx(by_hand)


def test_mean_absolute_error_is_in_the_unit_of_the_target(train):
    run = train("problem=diabetes_linear", "budget.epochs=1", "task.error=l1")
    test = run.record.summary["test"]
    assert 40 < test["mae"] < test["rmse"] < 90  # the target has a standard deviation of 77
    assert test["loss"] == pytest.approx(test["mae"] / 77, rel=0.1)


def test_loss_in_float64_resolves_confident_predictions_and_has_their_gradient():
    arguments = {"recipe": Recipe(optimizer=torch.optim.SGD), "monitor": "loss", "mode": "min", "num_classes": 3}
    tasks = [Classification(model=nn.Identity(), loss_dtype=kind, **arguments) for kind in (None, "float64")]
    made = torch.tensor([[25.0, 0.0, 0.0]], requires_grad=True), torch.tensor([0])
    losses = [float(each.loss(predict, made)) for each in tasks]
    assert losses[0] == 0
    assert losses[1] == pytest.approx(2 * np.exp(-25.0), rel=1e-4)
    assert losses[1] == float(tasks[1].reported_loss(predict, made))
    gradients = [torch.autograd.grad(each.loss(predict, made), made[0])[0] for each in tasks]
    torch.testing.assert_close(gradients[1][0, 0], torch.tensor(-2 * np.exp(-25.0), dtype=torch.float32))
    assert gradients[0][0, 0] == 0
    assert not tasks[1].has_manual_gradient
