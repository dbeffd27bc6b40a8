"""engine=explicit gives the curve of the lightning engine, and leaves the same record and files."""

from __future__ import annotations

import pytest
from conftest import compose_config

from descentlab.launchers.checks.conflicts import conflicts
from descentlab.training.engines.descent import by_hand

PROBLEMS = ("digits_mlp", "digits_softmax", "diabetes_linear", "breast_cancer_logistic")
PLAIN = {"adam": "scratch/adam", "sgd": "scratch/gradient_descent", "momentum": "scratch/momentum"}
AXES = ["step", "examples", "epoch", "gradient_evaluations", "batches"]


@pytest.mark.parametrize("optimizer", PLAIN)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_explicit_engine_gives_the_curve_of_torchs_optimizer_under_lightning(train, problem, optimizer):
    words = (f"problem={problem}", "budget.epochs=null", "budget.steps=40", "log_every=1")
    lr = compose_config(f"optimizer={optimizer}")[0]["optimizer"]["lr"]
    usual = train(*words, f"optimizer={optimizer}")
    explicit = train(*words, f"optimizer={PLAIN[optimizer]}", f"optimizer.lr={lr}", "engine=explicit")
    assert explicit.record.status == "completed"
    assert set(explicit.curves.columns) == set(usual.curves.columns)
    assert explicit.curves.select(AXES).equals(usual.curves.select(AXES))
    for column in ("train/loss", "valid/loss"):
        assert explicit.column(column) == pytest.approx(usual.column(column), rel=1e-5, abs=1e-6)
    assert set(explicit.record.summary) == set(usual.record.summary)
    assert explicit.record.summary["test"] == pytest.approx(usual.record.summary["test"], rel=1e-4)


@pytest.mark.parametrize(
    "words",
    [
        ("problem=quadratic_deep", "batch_size=20"),
        ("problem=digits_mlp", "model.norm=batch", "data.drop_last=true"),
        ("problem=digits_mlp", "model.dropout=0.3", "model.residual=true", "model.hidden=[32,32]"),
        ("problem=digits_mlp", "batch_size=50", "microbatch=20"),
        ("problem=digits_mlp", "schedule=cosine", "schedule.warmup=5"),
        ("problem=digits_mlp", "optimizer=scratch/schedule_free_adamw"),
        (
            *("problem=digits_mlp", "optimizer=scratch/schedule_free_adamw", "validate_every=10"),
            *("model.norm=batch", "model.dropout=0.3", "data.drop_last=true"),  # running statistics are recomputed
        ),
        ("problem=digits_mlp", "batch_size=full"),
    ],
    ids=" ".join,
)
def test_both_engines_give_the_same_curves_for_other_models_and_steps(train, words):
    given = (
        "optimizer=scratch/adam",
        *words,
        "budget.epochs=null",
        "budget.steps=30",
        "log_every=1",
        "trainer.precision=64-true",
    )
    usual, explicit = train(*given), train(*given, "engine=explicit")
    for column in ("train/loss", "train/lr", "train/grad_norm", "train/update_norm", "valid/loss"):
        assert explicit.column(column) == pytest.approx(usual.column(column), rel=1e-9, abs=1e-12)


def test_dense_nets_have_hand_written_gradients_and_others_do_not(train, monkeypatch):
    taken: list[bool] = []
    seen = lambda task: (taken.append((found := by_hand(task)) is not None), found)[1]  # noqa: E731
    monkeypatch.setattr("descentlab.training.engines.descent.by_hand", seen)
    digits = "problem=digits_mlp"
    for words in ((digits,), (digits, "model.norm=layer"), (digits, "model.bias=false"), ("problem=quadratic_deep",)):
        train(*words, "optimizer=scratch/adam", "engine=explicit", "budget.epochs=null", "budget.steps=2")
    assert taken == [True, False, False, False]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("trainer=ddp",), "one process"),
        (("trainer.precision=bf16-mixed",), "32-true or 64-true"),
        (("clip.norm=1",), "it has no clip"),
        (("average.kind=ema",), "it has no average.kind"),
        (("optimizer=scratch/muon",), "it has no groups"),
    ],
)
def test_settings_without_support_in_the_explicit_engine_are_refused(words, message):
    _, _, mistakes = compose_config("optimizer=scratch/adam", "engine=explicit", *words)
    assert message in mistakes[0]


def test_the_explicit_engine_requires_a_rule():
    config, _, mistakes = compose_config("optimizer=adam", "engine=explicit")
    assert not mistakes
    message = "engine=explicit requires an update rule; torch.optim.Adam is not one. Use optimizer=scratch/NAME."
    assert conflicts(config) == [message]
    assert conflicts(compose_config("optimizer=scratch/lion", "engine=explicit")[0]) == []


@pytest.mark.parametrize("words", [("task.error=huber",), ("task.error=l1",)], ids=" ".join)
def test_a_loss_without_a_hand_written_gradient_is_differentiated_by_autograd(train, words):
    """The hand-written gradient is that of squared errors; other losses go through autograd and give the same curve."""
    given = ("problem=diabetes_linear", "budget.epochs=2", "log_every=1", *words)
    usual = train(*given, "optimizer=sgd", "optimizer.lr=0.01")
    explicit = train(*given, "optimizer=scratch/gradient_descent", "optimizer.lr=0.01", "engine=explicit", "sweep=e")
    assert explicit.column("train/loss") == pytest.approx(usual.column("train/loss"), rel=1e-5)
