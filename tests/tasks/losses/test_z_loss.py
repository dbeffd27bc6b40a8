"""The auxiliary loss of the normalizer: its value, its place in the trained loss, and its absence in the reported one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from descentlab.optim.recipe import Recipe
from descentlab.tasks.classification import Classification
from descentlab.tasks.language_modeling import LanguageModeling
from descentlab.tasks.losses.z_loss import z_loss
from descentlab.tasks.metrics.stacked import StackedScores

MORE = {"model": nn.Identity(), "recipe": Recipe(optimizer=torch.optim.SGD), "mode": "min"}


def classification(weight):
    return Classification(num_classes=3, z_loss=weight, monitor="accuracy", **MORE)


def language(weight):
    return LanguageModeling(unit="token", length=4, z_loss=weight, monitor="loss", **MORE)


def batch(*shape):
    torch.manual_seed(0)
    return 3 * torch.randn(*shape, 3), torch.randint(3, shape)


def identity(x):
    return x


def test_z_loss_equals_a_hand_computed_value():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), math.log(5)]])  # Z = 2 and 8
    assert float(z_loss(logits)) == pytest.approx((math.log(2) ** 2 + math.log(8) ** 2) / 2)
    assert float(z_loss(torch.randn(5, 4).log_softmax(-1))) == pytest.approx(0, abs=1e-10)


def test_z_loss_of_large_logits_is_finite():
    assert float(z_loss(torch.tensor([[1e4, 0.0]]))) == pytest.approx(1e8)


@pytest.mark.parametrize(("make", "shape"), [(classification, (7,)), (language, (7, 4))])
def test_trained_loss_includes_the_weighted_term_and_the_reported_one_does_not(make, shape):
    logits, classes = batch(*shape)
    flat, targets = logits.reshape(-1, 3), classes.reshape(-1)
    plain = cross_entropy(flat, targets)
    normalizers = flat.exp().sum(1).log()
    task = make(0.5)
    torch.testing.assert_close(task.loss(identity, (logits, classes)), plain + 0.5 * (normalizers**2).mean())
    assert torch.equal(task.reported_loss(identity, (logits, classes)), plain)
    assert torch.equal(make(0.0).loss(identity, (logits, classes)), plain)
    task.validation_step((logits, classes), 0)
    assert float(task.valid.collect("")["loss"]) == pytest.approx(float(plain), rel=1e-6)


def test_stacked_scores_report_the_plain_loss():
    task, (logits, classes) = classification(0.5), batch(7)
    scores = StackedScores(task)
    scores.update(torch.stack([logits, 2 * logits]), (logits, classes))
    found = [float(value) for value in scores.means()["loss"]]
    assert found == pytest.approx([float(cross_entropy(logits, classes)), float(cross_entropy(2 * logits, classes))])


def test_gradients_by_hand_are_those_of_the_plain_loss_only():
    assert classification(0.0).has_manual_gradient
    assert not classification(0.1).has_manual_gradient


def test_training_with_the_term_keeps_the_normalizer_near_one(train):
    words = ("problem=digits_mlp", "optimizer=adam", "optimizer.lr=0.01", "budget.epochs=5")
    plain, with_term = train(*words, "sweep=a").record, train(*words, "task.z_loss=0.1", "sweep=b").record
    assert with_term.summary["first_train_loss"] > plain.summary["first_train_loss"]
    assert with_term.summary["test"]["accuracy"] > 0.9
