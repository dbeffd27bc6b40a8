"""Undefined metrics: NaN with a reason from the metric, null with that reason in record and curves."""

from __future__ import annotations

import math
import re

import pytest
import torch
from sklearn.metrics import r2_score
from torchmetrics import Metric

from descentlab.store.record import Record, is_better
from descentlab.tasks.classification import Accuracy
from descentlab.tasks.faces import Recognition
from descentlab.tasks.language_modeling import Perplexity
from descentlab.tasks.metrics.binary import METRICS
from descentlab.tasks.metrics.detection import AveragePrecision
from descentlab.tasks.metrics.ranking import OverRows, average_precision
from descentlab.tasks.metrics.regression import R2
from descentlab.tasks.metrics.scores import Scores
from descentlab.tasks.metrics.verification import Verification
from descentlab.tasks.reconstruction import PSNR

STEPS = ("budget.epochs=null", "budget.steps=20", "validate_every=5")
NEEDS_BOTH = ("auroc", "average_precision", "recall_at_1_percent_fpr", "sensitivity_at_90_specificity", "ks")
ZEROS, ONES = torch.zeros(6), torch.ones(6)


def scored(metrics, *updates, loss=0.5):
    """Return the values and the reasons of `metrics` after `updates`, as for a validation split."""
    scores = Scores(metrics, "validation")
    for update in updates:
        scores.metrics.update(*update)
    scores.loss.update(torch.tensor(loss), 3)
    values = {name: float(value) for name, value in scores.collect("").items()}
    return values, scores.undefined


@pytest.mark.parametrize("name", NEEDS_BOTH)
@pytest.mark.parametrize(("targets", "lacking"), [(ZEROS, "positive"), (ONES, "negative")])
def test_ranking_metrics_are_undefined_without_both_classes(name, targets, lacking):
    values, reasons = scored({name: METRICS[name]()}, (torch.randn(6), targets))
    assert math.isnan(values[name])
    assert reasons == {name: f"the validation split has no {lacking} example"}


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(NEEDS_BOTH)))
def test_other_metrics_are_defined_with_one_class(name):
    values, reasons = scored({name: METRICS[name]()}, (torch.randn(6), ONES))
    assert 0 <= values[name] <= 1
    assert not reasons


BOXES = torch.tensor([[[1.0, 1, 5, 5, 0.9, 0]]])
NO_BOX = torch.tensor([[[0.0, 0, 0, 0, -1]]])
FACES = torch.nn.functional.normalize(torch.randn(4, 3), dim=1)
OF_ROWS = {"ordering": lambda: OverRows({"map": average_precision}, "query with a relevant document")}
UNDEFINED = {
    "no box": ({"ap": AveragePrecision}, (BOXES, NO_BOX), {"map", "map_50"}, "has no box"),
    "nobody twice": ({"v": Verification}, (FACES, torch.arange(4)), {"auroc", "eer"}, "no pair of images of one person"),
    "one person": ({"v": Verification}, (FACES, torch.zeros(4).long()), {"auroc", "eer"}, "no pair of images of two people"),
    "one stranger": ({"v": Verification}, (FACES[:1], torch.zeros(1).long()), {"auroc", "eer"}, "of strangers"),
    "nobody known": ({"accuracy": Recognition}, (torch.zeros(0),), {"accuracy"}, "no image of a known person"),
    "none relevant": (OF_ROWS, (torch.randn(3, 4), torch.zeros(3, 4).long()), {"map"}, "no query with a relevant document"),
    "no row": (
        {"accuracy": lambda: Accuracy(3, average="micro")},
        (torch.zeros(0, 3), torch.zeros(0).long()),
        {"accuracy"},
        "no ex",
    ),
    "one number": ({"r2": R2}, (torch.ones(1, 1), torch.zeros(1, 1)), {"r2"}, "a single example"),
    "one value": ({"r2": R2}, (torch.randn(9, 1), torch.full((9, 1), 0.1)), {"r2"}, "all the same"),
    "one value of one output": ({"r2": R2}, (torch.randn(9, 2), torch.tensor([[0.1, 1]] * 8 + [[0.1, 2]])), {"r2"}, "the same"),
    "no error": ({"psnr": lambda: PSNR(1.0)}, (torch.ones(3, 4), torch.ones(3, 4)), {"psnr"}, "reproduced exactly"),
    "overflow": ({"perplexity": Perplexity}, (torch.tensor(800.0), 2), {"perplexity"}, "exp of the mean loss .*, 800, is inf"),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_every_task_reports_a_reason(case):
    make, update, names, reason = UNDEFINED[case]
    values, reasons = scored({name: made() for name, made in make.items()}, update)
    assert set(reasons) == names
    assert not any(math.isfinite(values[name]) for name in names)
    for text in reasons.values():
        assert re.search(reason, text), text
        assert "validation split" in text


def test_r2_equals_scikit_learns_for_large_means_and_several_outputs():
    torch.manual_seed(0)
    targets = torch.randn(40, 3, dtype=torch.float64) + torch.tensor([0.0, 1e4, -1e3], dtype=torch.float64)
    found = targets + 0.3 * torch.randn(40, 3)
    metric = R2()
    for part in range(0, 40, 9):
        metric.update(found[part : part + 9], targets[part : part + 9])
    assert float(metric.compute()) == pytest.approx(r2_score(targets.numpy(), found.numpy()), rel=1e-6)


class Strict(Metric):
    """A user's metric that raises if it has too few examples."""

    def update(self, *_):
        pass

    def compute(self):
        raise ValueError("it needs two")


def test_metric_that_raises_is_undefined_with_the_exception_as_reason():
    values, reasons = scored({"strict": Strict()}, (ZEROS, ONES))
    assert math.isnan(values["strict"])
    assert reasons == {"strict": "ValueError: it needs two"}


def test_nan_outputs_make_every_metric_undefined():
    values, reasons = scored({"accuracy": METRICS["accuracy"]()}, (ONES * math.nan, ONES), loss=math.nan)
    assert math.isnan(values["accuracy"])
    assert reasons == {"accuracy": "the loss on the validation split is nan"}


def test_loss_is_undefined_only_without_examples():
    scores = Scores({}, "test")
    scores.loss.update(torch.tensor(math.nan), 0)
    assert math.isnan(float(scores.collect("")["loss"]))
    assert scores.undefined == {"loss": "the test split has no example that has a loss"}
    scores.loss.update(torch.tensor(2.0), 4)
    assert float(scores.collect("")["loss"]) == 2.0
    assert not scores.undefined


@pytest.mark.parametrize(("worst", "mode"), [(math.inf, "min"), (-math.inf, "max")])
def test_worst_infinity_is_never_selected_as_best(worst, mode):
    assert not is_better(worst, None, mode)
    assert is_better(-worst, 1.0, mode)


@pytest.mark.parametrize("task", ["credit", "diagnosis", "fraud", "fraud_focal"])
def test_run_on_a_split_without_a_class_tests_the_last_weights(train, task):
    words = ("problem=breast_cancer_logistic", f"task={task}", "data._target_=support.lopsided.Tumours", *STEPS)
    run = train(*words, "+data.valid=1.0", "+data.test=0.0", "checkpoint.keep=true")
    monitor, summary = run.record.summary["monitor"], Record.read(record_folder(run)).summary
    assert (summary["best_valid"], summary["best_step"], summary["valid"][monitor]) == (None, None, None)
    assert summary["undefined"]["valid/" + monitor] == "the validation split has no negative example"
    assert summary["undefined"]["test/" + monitor] == "the test split has no positive example"
    assert summary["undefined"]["best_valid"].endswith("the weights after the last step were tested")
    assert run.column(f"valid/{monitor}") == []
    last = run.column("valid/loss")[-1]
    assert summary["valid"]["loss"] == pytest.approx(last)
    assert last < run.column("valid/loss")[0]  # trained weights
    assert math.isfinite(summary["test"]["loss"])
    assert summary["test"][monitor] is None


def record_folder(run):
    run.record.write(run.folder)
    return run.folder


def test_validation_split_of_one_row(train):
    run = train("problem=diabetes_linear", "data._target_=support.lopsided.Progression", "+data.most=1", *STEPS)
    summary = run.record.summary
    assert summary["best_step"] is not None
    assert math.isfinite(summary["test"]["rmse"])
    assert summary["test"]["r2"] is summary["valid"]["r2"] is None
    assert set(summary["undefined"]) == {"valid/r2", "test/r2"}


def test_undefined_metrics_do_not_count_for_patience_plateau_or_target(train):
    words = ("problem=diabetes_linear", "data._target_=support.lopsided.Progression", "+data.constant=true", "task.monitor=r2")
    words += ("task.mode=max", "target=0.1", "stop.patience=1", "schedule=reduce_on_plateau", "schedule.patience=0", *STEPS)
    run = train(*words)
    assert run.record.summary["steps"] == 20
    assert run.record.summary["steps_to_target"] is None
    assert set(run.column("train/lr")) == {run.record.config["optimizer"]["lr"]}
    assert run.record.summary["undefined"]["valid/r2"] == "the targets of the validation split are all the same"


def test_resumed_run_has_the_same_reasons(job):
    from conftest import AtPoint

    from descentlab.run import run
    from descentlab.store.interruption import Interrupted

    words = ("problem=breast_cancer_logistic", "data._target_=support.lopsided.Tumours", "+data.valid=1.0", *STEPS)
    whole, parts = job(*words, "sweep=whole"), job(*words, "sweep=parts")
    expected = run(whole).summary
    with pytest.raises(Interrupted):
        run(parts, AtPoint(3))
    found = run(parts).summary
    assert found["undefined"] == expected["undefined"]
    assert found["test"] == expected["test"]


def test_unit_outside_the_range_of_32_bits_is_refused(train):
    from descentlab.errors import UsageError

    words = ("problem=diabetes_linear", "data._target_=support.lopsided.Progression", "+data.scale=1e40", "budget.epochs=1")
    with pytest.raises(UsageError, match=r"the target's standard deviation is .*e\+4"):
        train(*words)
