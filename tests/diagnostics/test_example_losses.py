"""Losses of classes and of single examples, against sums over the examples and against rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.probing import context_of, measure
from torch import nn

from descentlab.diagnostics.accuracy import Accuracy
from descentlab.diagnostics.class_losses import ClassLosses
from descentlab.diagnostics.zero_losses import ZeroLosses
from descentlab.errors import UsageError
from descentlab.tasks.losses.class_error import class_error

CLASSES = torch.tensor([0, 0, 0, 1, 3, 3, 1, 0])


def cross_entropy(predict, batch):
    return class_error(predict(batch[0]), batch[1], "cross_entropy", None)


def weighted(predict, batch):
    return class_error(predict(batch[0]), batch[1], "cross_entropy", torch.tensor([1.0, 2.0, 3.0, 4.0]))


def expected(logits: torch.Tensor) -> np.ndarray:
    each = logits.detach().double().numpy()
    return np.log(np.exp(each).sum(1)) - each[np.arange(len(each)), CLASSES.numpy()]


@pytest.mark.parametrize("loss", [cross_entropy, weighted])
@pytest.mark.parametrize("cuts", [[8], [3, 5]])
def test_losses_of_classes_are_means_over_their_examples(loss, cuts):
    torch.manual_seed(0)
    model, inputs = nn.Linear(5, 4), torch.randn(8, 5)
    batches = list(zip(inputs.split(cuts), CLASSES.split(cuts), strict=True))
    context = context_of(model, loss, batches)
    found = measure(ClassLosses(), context)
    each = expected(model(inputs))
    classes = CLASSES.numpy()
    means = {str(k): each[classes == k].mean() for k in (0, 1, 3)}
    assert found.layers["class_loss"] == pytest.approx(means, rel=1e-6)
    groups = {"class_loss_1": each[classes == 0].mean(), "class_loss_2": each[classes > 0].mean()}
    assert measure(ClassLosses([1, 3]), context).numbers == pytest.approx(groups)


def test_groups_of_more_classes_than_the_model_has_are_refused():
    with pytest.raises(UsageError, match="groups has 5 classes; the model has 4"):
        measure(ClassLosses([5]), context_of(nn.Linear(5, 4), cross_entropy, [(torch.randn(8, 5), CLASSES)]))


@pytest.mark.parametrize("probe", [ClassLosses, Accuracy])
def test_targets_that_are_no_classes_are_refused(probe):
    with pytest.raises(UsageError, match="targets that are classes"):
        measure(probe(), context_of(nn.Linear(5, 4), cross_entropy, [(torch.randn(8, 5), torch.randn(8, 4))]))


def test_losses_that_are_rounded_to_zero_are_counted():
    """The loss log(1 + exp(-gap)) is rounded to 0 where exp(-gap) is less than half the spacing of floats at 1."""
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [0.0]]))
    edge = 24 * math.log(2)
    gaps = torch.tensor([0.0, 5.0, edge - 0.1, edge + 0.1, 30.0, 90.0, -30.0])[:, None]
    classes = torch.zeros(7, dtype=torch.int64)
    batches = [(gaps[:3], classes[:3]), (gaps[3:], classes[3:])]
    found = measure(ZeroLosses(), context_of(model, cross_entropy, batches))
    assert found.numbers == pytest.approx({"zero_losses": 3 / 7})
    assert int((torch.nn.functional.cross_entropy(model(gaps), classes, reduction="none") == 0).sum()) == 3


@pytest.mark.parametrize("cuts", [[8], [3, 5]])
def test_the_accuracy_is_the_fraction_of_correct_examples(cuts):
    model = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.eye(4))
    inputs = nn.functional.one_hot(torch.tensor([0, 1, 0, 1, 3, 2, 1, 0]), 4).float()  # 6 of the 8 classes
    batches = list(zip(inputs.split(cuts), CLASSES.split(cuts), strict=True))
    assert measure(Accuracy(), context_of(model, cross_entropy, batches)).numbers == {"accuracy": 0.75}
