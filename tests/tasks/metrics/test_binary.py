"""Metrics of binary classification equal scikit-learn's, also for logits whose sigmoid is 0 or 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, roc_auc_score, roc_curve
from torch.nn.functional import binary_cross_entropy_with_logits

from descentlab.data.breast_cancer import BreastCancer
from descentlab.optim.recipe import Recipe
from descentlab.tasks.binary import Binary
from descentlab.tasks.metrics.binary import METRICS


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def at_specificity(targets, logits, specificity):
    false, true, _ = roc_curve(targets, logits, drop_intermediate=False)
    return true[1 - false >= specificity - 1e-9].max()


def calibration(targets, logits):
    p = sigmoid(logits)
    bins = np.clip(np.ceil(p * 15) - 1, 0, 14)
    shares = [(np.mean(bins == b), np.mean(p[bins == b]), np.mean(targets[bins == b])) for b in range(15) if (bins == b).any()]
    return sum(share * abs(confidence - frequency) for share, confidence, frequency in shares)


def kolmogorov_smirnov(targets, logits):
    false, true, _ = roc_curve(targets, logits)
    return (true - false).max()


REFERENCES = {
    "accuracy": lambda y, z: accuracy_score(y, z > 0),
    "auroc": roc_auc_score,
    "average_precision": average_precision_score,
    "recall_at_1_percent_fpr": lambda y, z: at_specificity(y, z, 0.99),
    "sensitivity_at_90_specificity": lambda y, z: at_specificity(y, z, 0.9),
    "ks": kolmogorov_smirnov,
    "brier": lambda y, z: brier_score_loss(y, sigmoid(z)),
    "calibration_error": calibration,
}


def test_every_metric_has_a_reference():
    assert set(REFERENCES) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("scale", [1.0, 60.0], ids=["usual", "saturated"])
def test_metrics_equal_scikit_learns(name, scale):
    torch.manual_seed(0)
    targets = (torch.rand(700) < 0.2).float()
    logits = scale * (torch.randn(700) + targets)
    metric = METRICS[name]()
    for part in range(0, 700, 100):
        metric.update(logits[part : part + 100], targets[part : part + 100])
    expected = REFERENCES[name](targets.numpy(), logits.numpy())
    assert float(metric.compute()) == pytest.approx(expected, abs=1e-5)


def task(**arguments):
    usual = {"positive": "yes", "recipe": Recipe(optimizer=torch.optim.SGD), "monitor": "loss", "mode": "min"}
    return Binary(model=torch.nn.Identity(), **usual, **arguments)


def test_focal_loss_equals_its_formula():
    logits, targets = torch.tensor([[0.3], [-2.0], [4.0]]), torch.tensor([1.0, 0.0, 0.0])
    p = logits.squeeze(1).sigmoid()
    of_target = torch.where(targets == 1, p, 1 - p)
    weights = torch.where(targets == 1, 3.0, 1.0)
    by_hand = (-weights * (1 - of_target) ** 2 * of_target.log()).mean()
    found = task(focus=2.0, positive_weight=3.0).loss(lambda x: x, (logits, targets))
    assert float(found) == pytest.approx(float(by_hand), rel=1e-5)
    sharp = task(focus=2.0).loss(lambda x: x, (torch.tensor([[-80.0]], requires_grad=True), torch.tensor([1.0])))
    assert float(sharp.detach()) == pytest.approx(80.0)


def test_positive_weight_multiplies_the_loss_of_positives():
    logits, targets = torch.randn(9, 1), torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 0, 0])
    each = binary_cross_entropy_with_logits(logits.squeeze(1), targets, reduction="none")
    found = task(positive_weight=5.0).loss(lambda x: x, (logits, targets))
    assert float(found) == pytest.approx(float((each * torch.where(targets == 1, 5.0, 1.0)).mean()), rel=1e-6)


def test_balanced_weight_is_negatives_over_positives_of_train(train):
    data = BreastCancer(test_fraction=0.2, valid_fraction=0.15)
    ratio = float((data.splits.train[1] == 0).sum() / (data.splits.train[1] == 1).sum())
    positives = float(data.splits.valid[1].mean())
    run = train("problem=breast_cancer_logistic", "budget.epochs=null", "budget.steps=1")
    zeros = np.log(2) * (1 - positives + ratio * positives)  # the loss of logits that are all 0
    assert run.column("valid/loss")[0] == pytest.approx(zeros, rel=1e-5)
