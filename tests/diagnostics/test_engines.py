"""Light probes under every engine, kind of optimizer, and precision."""

from __future__ import annotations

import polars as pl
import pytest

from descentlab.store.record import read_layers

SHORT = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "log_every=5", "diagnostics.every=5", "data.limit=200")
QUANTITIES = ["grad_norm", "weight_norm", "update_norm", "update_ratio", "angular_update", "gradient_snr"]
EXACT = [
    ("optimizer=adam",),
    ("optimizer=muon",),
    ("optimizer=sam",),
    ("optimizer=lbfgs", "batch_size=full"),
    ("optimizer=adahessian",),
    ("optimizer=schedulefree_adamw", "average.kind=ema"),
    ("batch_size=30", "microbatch=7"),
    ("clip.norm=0.01", "decay.rate=0.1", "model.norm=batch", "data.drop_last=true"),
    ("optimizer=scratch/adam", "engine=explicit"),
    ("callbacks=lr_monitor",),
    ("trainer.precision=bf16-mixed",),
    ("trainer.precision=bf16-true",),
    ("trainer.precision=16-mixed",),
]


@pytest.mark.parametrize("words", EXACT, ids=" ".join)
def test_the_norms_of_layers_are_parts_of_the_norms_of_the_run(train, words):
    run = train(*SHORT, *words)
    layers = read_layers(run.folder)
    assert layers.drop_nulls("gradient_snr")["step"].unique().to_list() == [0, 5, 10]
    assert layers.drop_nulls("angular_update").select(QUANTITIES).null_count().sum_horizontal().item() == 0
    near = 2e-2 if "bf16-true" in words[0] else 1e-5
    for name in ("grad_norm", "update_norm"):
        whole = layers.group_by("step", maintain_order=True).agg((pl.col(name) ** 2).sum().sqrt())
        assert whole[name].to_list() == pytest.approx(run.column(f"train/{name}"), rel=near), name
    assert layers["update_ratio"].drop_nulls().max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("compile", ["step", "true"])
def test_compiled_models_and_steps_are_measured_by_their_own_code(train, compile):
    compiled, plain = train(*SHORT, f"compile={compile}", "sweep=compiled"), train(*SHORT)
    assert compiled.record.summary["compile"] in (True, "step")
    found, expected = read_layers(compiled.folder), read_layers(plain.folder)
    assert found.columns == expected.columns
    for name in found.columns[2:]:
        assert found[name].drop_nulls().to_list() == pytest.approx(expected[name].drop_nulls().to_list(), rel=1e-3), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("problem=temporal_order", "data.limit=100"),
        ("problem=shakespeare_lstm", "model.width=8", "batch_size=4"),
        ("problem=shakespeare_gpt", "model.width=8", "model.layers=1", "model.heads=2", "batch_size=4", "model.dropout=0.1"),
        ("problem=movielens_bpr", "batch_size=64", "data.limit=2000"),
        ("problem=rosenbrock", "optimizer.lr=0.001"),
        ("problem=digits_mlp", "model=resnet8", "data.limit=64"),
        ("problem=digits_autoencoder", "data.limit=100"),
    ],
    ids=" ".join,
)
def test_any_architecture_is_measured(train, words):
    run = train(*words, "budget.epochs=null", "budget.steps=6", "log_every=5", "diagnostics.every=5", "validate_every=6")
    assert run.record.status == "completed"
    layers = read_layers(run.folder)
    assert layers["step"].unique().to_list() == [0, 5]
    assert layers.drop_nulls("weight_norm").height >= 2
