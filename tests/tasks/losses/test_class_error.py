"""Weights of classes and the squared error, against their definitions and scikit-learn."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from descentlab.optim.recipe import Recipe
from descentlab.tasks.classification import Classification
from descentlab.tasks.losses.class_error import class_error

CLASSES = torch.tensor([0, 0, 0, 0, 1, 2, 2, 0])
LOGITS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def task(**options):
    recipe = Recipe(optimizer=torch.optim.SGD)
    made = Classification(3, model=nn.Identity(), recipe=recipe, monitor="loss", mode="min", **options)
    made.data = SimpleNamespace(splits=SimpleNamespace(train=(LOGITS, CLASSES)))
    made.setup("fit")
    return made


def loss(**options):
    return task(**options).loss(lambda x: x, (LOGITS, CLASSES))


def test_balanced_weights_are_scikit_learns():
    weights = task(class_weights="balanced").weights
    expected = compute_class_weight("balanced", classes=np.arange(3), y=CLASSES.numpy())
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)
    assert task().weights is None


def test_balanced_loss_is_the_mean_of_the_losses_of_classes():
    probabilities = LOGITS.double().softmax(1).numpy()
    of_class = [CLASSES.numpy() == k for k in range(3)]
    of_classes = [log_loss(CLASSES[rows], probabilities[rows], labels=[0, 1, 2]) for rows in of_class]
    assert float(loss(class_weights="balanced")) == pytest.approx(np.mean(of_classes), rel=1e-5)
    squares = ((LOGITS - torch.eye(3)[CLASSES]) ** 2).sum(1) / 2
    expected = np.mean([squares[rows].mean() for rows in of_class])
    assert float(loss(class_weights="balanced", error="squared")) == pytest.approx(expected, rel=1e-5)


def test_squared_error_is_half_the_squared_distance_to_the_one_hot_vector():
    expected = np.mean([((logits - np.eye(3)[k]) ** 2).sum() / 2 for logits, k in zip(LOGITS.numpy(), CLASSES, strict=True)])
    assert float(loss(error="squared")) == pytest.approx(expected, rel=1e-6)
    made = task(error="squared", z_loss=0.1)
    assert float(made.reported_loss(lambda x: x, (LOGITS, CLASSES))) == pytest.approx(expected, rel=1e-6)
    assert float(made.loss(lambda x: x, (LOGITS, CLASSES))) > expected


@pytest.mark.parametrize("error", ["cross_entropy", "squared"])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5])])
def test_stacked_runs_have_the_losses_and_gradients_of_single_ones(error, weights):
    stacked = torch.stack([LOGITS, 2 * LOGITS, -LOGITS])
    one = partial(class_error, classes=CLASSES, error=error, weights=weights)
    found = torch.vmap(torch.func.grad_and_value(one))(stacked)
    for gradient, value, logits in zip(*found, stacked, strict=True):
        own = logits.clone().requires_grad_()
        one(own).backward()
        assert torch.allclose(value, one(logits))
        assert torch.allclose(gradient, own.grad)


def test_only_the_plain_cross_entropy_has_a_gradient_by_hand():
    assert task().has_manual_gradient
    assert not any(made.has_manual_gradient for made in (task(error="squared"), task(class_weights="balanced")))
