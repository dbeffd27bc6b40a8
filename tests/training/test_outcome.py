"""Status, reason and summary of real runs."""

import math

import pytest
import torch

from descentlab.store.record import Status

LINEAR = ("problem=diabetes_linear", "optimizer=sgd", "log_every=1")
BOWL = ("problem=quadratic_deep", "optimizer=sgd", "log_every=1", "validate_every=7")


def validations(run, metric):
    """Return step, seconds and value of each validation."""
    rows = run.curves.drop_nulls(metric)
    return list(zip(rows["step"], rows["train_seconds"], rows[metric], strict=True))


def losses(run):
    """Return the training loss by step."""
    rows = run.curves.drop_nulls("train/loss")
    return dict(zip(rows["step"], rows["train/loss"], strict=True))


def test_a_run_that_reaches_its_budget_is_completed(train):
    run = train(*LINEAR, "budget.epochs=null", "budget.steps=25")
    summary = run.record.summary
    assert (run.record.status, run.record.reason) == (Status.COMPLETED, "")
    assert (summary["steps"], summary["examples"], summary["epochs"]) == (25, 2 * 301 + 5 * 32, 2.5)
    assert (summary["first_train_loss"], summary["last_train_loss"]) == (losses(run)[0], losses(run)[24])
    assert (summary["monitor"], summary["mode"], summary["diverged_step"]) == ("rmse", "min", None)


@pytest.mark.parametrize(("optimizer", "each"), [("adam", 1), ("sam", 2)])
def test_gradient_evaluations_after_a_divergence_are_not_counted(train, optimizer, each):
    run = train("problem=digits_mlp", f"optimizer={optimizer}", "optimizer.lr=1e6", "budget.steps=20", "budget.epochs=null")
    summary = run.record.summary
    assert summary["steps"] == summary["diverged_step"] < 20
    assert summary["gradient_evaluations"] == each * summary["steps"]


def test_a_non_finite_loss_is_a_divergence_at_its_step(train):
    run = train(*BOWL, "optimizer.lr=1e6", "stop.divergence=null")
    step = run.record.summary["diverged_step"]
    assert run.record.status is Status.DIVERGED
    assert run.record.status.is_result
    assert f"step {step}" in run.record.reason
    assert not math.isfinite(losses(run)[step])
    assert all(math.isfinite(losses(run)[before]) for before in range(step))
    assert step > 1
    assert not run.record.summary["test"]


@pytest.mark.parametrize("factor", [2, 100])
def test_a_loss_above_the_factor_is_a_divergence_at_its_step(train, factor):
    run = train(*BOWL, "optimizer.lr=0.05", f"stop.divergence={factor}", "validate_every=1000")
    first = run.column("valid/loss")[0]
    assert run.record.status is Status.DIVERGED
    assert run.record.summary["diverged_step"] == min(step for step, loss in losses(run).items() if loss > factor * first)


def test_without_a_factor_a_large_loss_is_not_a_divergence(train):
    run = train(*BOWL, "optimizer.lr=0.05", "stop.divergence=null", "budget.epochs=null", "budget.steps=14")
    assert run.record.status is Status.COMPLETED
    assert losses(run)[13] > 100 * losses(run)[0]


def test_a_small_loss_of_the_first_example_does_not_make_the_usual_loss_a_divergence(train):
    """With data_seed=127 the first example's loss is 5e-6, and a loss of 0.7 is 10,000 times that."""
    run = train(*LINEAR, "optimizer.lr=1e-4", "batch_size=1", "data_seed=127", "budget.epochs=null", "budget.steps=50")
    assert run.record.status is Status.COMPLETED


def test_non_finite_weights_after_the_last_step_are_a_divergence(train):
    run = train(*LINEAR, "optimizer.lr=1e38", "budget.epochs=null", "budget.steps=1")
    assert not math.isfinite(validations(run, "valid/loss")[-1][2])
    assert run.record.status is Status.DIVERGED


def test_the_target_is_reached_at_the_first_validation_that_meets_it(train):
    run = train(*LINEAR, "target=60", "budget.epochs=10")
    measured = validations(run, "valid/rmse")
    step, seconds, _ = next(row for row in measured if row[2] <= 60)
    assert 0 < step < 100
    assert run.record.summary["steps_to_target"] == step
    assert run.record.summary["seconds_to_target"] == pytest.approx(seconds, abs=1e-3)
    assert run.record.summary["steps"] == 100


def test_steps_and_seconds_to_a_target_that_is_not_reached_are_none(train):
    run = train(*LINEAR, "target=1", "budget.epochs=1")
    assert run.record.summary["steps_to_target"] is run.record.summary["seconds_to_target"] is None


def test_at_target_stops_the_run_at_the_target(train):
    run = train("problem=digits_mlp", "target=0.5", "stop.at_target=true", "validate_every=5", "log_every=1")
    summary = run.record.summary
    assert run.record.status is Status.COMPLETED
    assert summary["steps"] == summary["steps_to_target"] == validations(run, "valid/accuracy")[-1][0]
    assert "0.5" in run.record.reason
    assert summary["best_valid"] >= 0.5
    assert summary["steps"] % 5 == 0


def test_a_target_reached_before_the_first_step_leaves_a_complete_summary(train):
    run = train(*LINEAR, "target=1000", "stop.at_target=true")
    assert run.record.summary["steps_to_target"] == 0
    usual = train(*LINEAR, "budget.epochs=1", "target=null")
    missing = set(usual.record.summary) - set(run.record.summary) - {"first_train_loss", "last_train_loss"}
    assert not missing
    assert run.record.summary["steps"] == 10  # it is checked at the first validation after a step


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_is_the_number_of_validations_without_improvement(train, patience):
    run = train(*LINEAR, "optimizer.lr=0", f"stop.patience={patience}", "validate_every=4")
    assert run.record.summary["steps"] == 4 * patience
    assert run.record.status is Status.COMPLETED
    assert f"{patience} validations" in run.record.reason


def test_an_improvement_resets_the_patience_counter(train):
    given = ("problem=digits_mlp", "optimizer=sgd", "optimizer.lr=0.3", "validate_every=5", "budget.epochs=20")
    measured = [value for _, _, value in validations(train(*given, "stop.patience=3"), "valid/accuracy")]
    best, stale = measured[0], [0]
    for value in measured[1:]:
        best, stale = (value, [*stale, 0]) if value > best else (best, [*stale, stale[-1] + 1])
    assert 0 in stale[stale.index(1) :]  # it was reset
    assert stale.index(3) == len(stale) - 1


def test_an_improvement_below_min_delta_does_not_count(train):
    given = (*LINEAR, "validate_every=5", "budget.epochs=5", "stop.patience=1")
    assert train(*given, "sweep=any").record.summary["steps"] > 5
    assert train(*given, "stop.min_delta=1000").record.summary["steps"] == 5


def test_min_delta_does_not_affect_the_choice_of_the_best_validation(train):
    run = train("problem=digits_mlp", "stop.min_delta=0.1", "budget.epochs=10")
    assert run.record.summary["best_valid"] == max(run.column("valid/accuracy"))


def test_a_run_ends_when_its_budget_of_seconds_is_spent(train):
    run = train(*LINEAR, "budget.epochs=null", "budget.seconds=0.05")
    assert run.record.status is Status.COMPLETED
    assert run.record.summary["train_seconds"] >= 0.05
    assert validations(run, "valid/rmse")[-1][0] == run.record.summary["steps"]


def test_the_test_uses_the_best_weights(train):
    noisy = ("problem=digits_mlp", "optimizer=sgd", "optimizer.lr=1.5", "validate_every=10", "budget.epochs=null")
    run = train(*noisy, "budget.steps=100")
    best, measured = run.record.summary["best_step"], validations(run, "valid/accuracy")
    assert best == max(measured, key=lambda row: (row[2], -row[0]))[0]
    assert best < 100
    assert run.record.summary["best_valid"] == max(value for _, _, value in measured)
    until_then = train(*noisy, f"budget.steps={best}")
    assert run.record.summary["test"] == until_then.record.summary["test"]
    assert run.record.summary["valid"] == until_then.record.summary["valid"]
    assert run.record.summary["valid"]["accuracy"] == run.record.summary["best_valid"]


def test_a_run_is_validated_before_its_first_and_after_its_last_step(train):
    run = train(*LINEAR, "budget.epochs=null", "budget.steps=25")
    assert [step for step, _, _ in validations(run, "valid/rmse")] == [0, 10, 20, 25]


def test_a_logged_loss_is_the_mean_since_the_last_one_and_the_rest_is_written_at_the_end(train):
    given = ("problem=diabetes_linear", "optimizer=sgd", "budget.epochs=null", "budget.steps=25")
    each = losses(train(*given, "log_every=1", "sweep=each"))
    tens = losses(train(*given, "log_every=10", "sweep=tens"))
    assert list(tens) == [0, 10, 20, 24]
    for last, first in ((0, 0), (10, 1), (20, 11), (24, 21)):
        assert tens[last] == pytest.approx(sum(each[step] for step in range(first, last + 1)) / (last + 1 - first))


def test_examples_and_epochs_of_a_row_are_those_of_its_step(train):
    run = train(*LINEAR, "budget.epochs=null", "budget.steps=25", "log_every=10")
    for row in run.curves.to_dicts():
        epochs, within = divmod(row["step"], 10)
        assert row["examples"] == 301 * epochs + 32 * within
        assert row["epoch"] == row["step"] / 10
    for metric in ("train/loss", "valid/loss"):
        assert run.curves.drop_nulls(metric)["train_seconds"].is_sorted()


@pytest.fixture
def nondeterminism_restored():
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.usefixtures("nondeterminism_restored")
def test_deterministic_sets_torchs_deterministic_algorithms(train, asked):
    run = train("problem=digits_mlp", f"deterministic={str(asked).lower()}", "budget.epochs=1")
    assert run.record.status is Status.COMPLETED
    assert torch.are_deterministic_algorithms_enabled() is asked
