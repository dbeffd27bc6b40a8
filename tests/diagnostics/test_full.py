"""The probes of diagnostics=full measure runs of any architecture and engine, and change nothing else."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from conftest import compose_config, needs_data, needs_fashion_mnist, options
from support.torchrun import train_in_two_processes

from descentlab.models.quadratic import hessian
from descentlab.run import run
from descentlab.store.record import read_curves, read_layers

SHORT = ("budget.epochs=null", "log_every=4", "diagnostics.every=4")
FULL = (
    *("hessian", "gauss_newton", "preconditioned_hessian", "sharpness", "critical_point"),
    *("noise_scale", "diversity", "alpha", "loss_along_update", "backpropagated"),
)
EVERYWHERE = ("hessian_max", "gauss_newton_max", "sharpness", "critical_distance", "diversity", "alpha", "best_fraction")
SPECTRA = ("hessian", "gauss_newton", "preconditioned_hessian")
SMALL = (
    *(f"diagnostics.{probe}.{key}" for probe in SPECTRA for key in ("steps=3", "vectors=1", "samples=2")),
    *("diagnostics.critical_point.steps=3", "diagnostics.critical_point.vectors=1", "diagnostics.sharpness.steps=4"),
)


def test_every_probe_has_an_option_and_full_has_all():
    full = compose_config("diagnostics=full")[0]["diagnostics"]
    assert set(FULL) <= set(options("diagnostics"))
    assert {*FULL, *compose_config("diagnostics=light")[0]["diagnostics"]} == set(full)
    for name in FULL:
        assert compose_config(f"diagnostics={name}")[0]["diagnostics"][name] == full[name]


def test_the_group_takes_several_options():
    found = compose_config("diagnostics=[light,hessian]")[0]["diagnostics"]
    assert {"grad_norm", "hessian"} <= set(found)
    assert "sharpness" not in found


def test_a_wrong_value_of_a_probe_is_a_mistake_of_the_config():
    (mistake,) = compose_config("diagnostics=hessian", "diagnostics.hessian.steps=0")[2]
    assert "diagnostics.hessian.steps" in mistake


def same_but_for_probes(train, *overrides):
    """Train with and without the probes; return the run with, after a comparison of all other columns, bit for bit."""
    steps = (*SHORT, "budget.steps=5")
    full = train(*overrides, *steps, "diagnostics=full", *SMALL)
    none = train(*overrides, *steps, "diagnostics=none", "sweep=none")
    assert full.record.status == none.record.status == "completed"
    shared = [name for name in none.curves.columns if name != "train_seconds"]
    assert full.curves.select(shared).equals(none.curves.select(shared))
    assert full.record.id == none.record.id
    for name in EVERYWHERE:
        values = full.column(f"train/{name}")
        assert len(values) == 2, name
        assert all(map(math.isfinite, values)), name
    return full


STEPPED = {
    "adam": (),
    "dropout": ("model.dropout=0.3",),
    "sam": ("optimizer=sam",),
    "muon": ("optimizer=muon",),
    "microbatches": ("microbatch=12",),
    "scratch": ("optimizer=scratch/adam", "engine=explicit"),
    "half": ("trainer.precision=bf16-mixed",),
    "double": ("trainer.precision=64-true",),
}


@pytest.mark.parametrize("case", STEPPED)
def test_full_probes_do_not_change_a_run(train, case):
    same_but_for_probes(train, "problem=digits_mlp", "model.hidden=[8]", *STEPPED[case])


@pytest.mark.slow
def test_full_probes_do_not_change_a_compiled_run(train):
    same_but_for_probes(train, "problem=digits_mlp", "model.hidden=[8]", "compile=step")


FAMILIES = {
    "cnn": pytest.param(("problem=fashion_mnist_2c2d", "batch_size=8", "data.limit=200"), marks=needs_fashion_mnist),
    "resnet": pytest.param(("problem=fashion_mnist_resnet", "batch_size=8", "data.limit=200"), marks=needs_fashion_mnist),
    "vae": pytest.param(("problem=fashion_mnist_vae", "batch_size=8", "data.limit=200"), marks=needs_fashion_mnist),
    "gpt": pytest.param(
        ("problem=shakespeare_gpt", "model.width=16", "model.layers=1", "data.length=16"), marks=needs_data("shakespeare")
    ),
    "gru": pytest.param(("problem=temporal_order", "data.rows=[256,64,64]", "batch_size=8")),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_full_probes_measure_every_family(train, family):
    same_but_for_probes(train, *family)


def test_a_run_stores_densities_and_losses_by_their_points(train):
    trained = train(
        "problem=digits_mlp", "model.hidden=[8]", *SHORT, "budget.steps=5", "diagnostics=[hessian,loss_along_update]"
    )
    rows = read_layers(trained.folder)
    density = rows.drop_nulls("hessian_density").group_by("step").agg(pl.col("hessian_density").sum())
    assert density["hessian_density"].to_list() == pytest.approx([1.0, 1.0])
    losses = rows.drop_nulls("loss_along_update").filter(pl.col("step") == 0)
    assert losses["layer"].to_list() == ["0", "0.25", "0.5", "0.75", "1", "1.5", "2"]
    assert losses["loss_along_update"][0] == pytest.approx(trained.column("train/loss")[0], rel=1e-5)


def test_a_run_of_the_quadratic_has_the_sharpness_of_its_matrix(train):
    trained = train("problem=quadratic_deep", "optimizer=momentum", *SHORT, "budget.steps=5", "diagnostics=sharpness")
    largest = float(np.linalg.eigvalsh(hessian(100))[-1])
    assert trained.column("train/sharpness") == pytest.approx([largest] * 2, rel=0.01)
    assert trained.column("train/stability_ratio") == pytest.approx([0.01 * largest / 3.8] * 2, rel=0.01)


def test_the_sharpness_of_fixed_examples_does_not_depend_on_the_batch_size(train):
    words = ("model.hidden=[8]", *SHORT, "budget.steps=1", "data.limit=300", "diagnostics=sharpness")
    words += ("diagnostics.sharpness.tolerance=1e-6",)
    full, small = (train(*words, f"batch_size={size}", "diagnostics.sharpness.examples=300") for size in ("full", 16))
    other = train(*words, "batch_size=16")
    assert small.column("train/sharpness") == pytest.approx(full.column("train/sharpness"), rel=1e-3)
    assert small.column("train/sharpness_loss") == pytest.approx(full.column("train/loss"), rel=1e-5)
    assert "train/sharpness_loss" not in other.curves.columns
    assert other.column("train/sharpness") != pytest.approx(full.column("train/sharpness"), rel=0.01)


def test_mixed_precision_does_not_affect_the_products(train):
    small = ("problem=digits_mlp", "model.hidden=[8]", *SHORT, "budget.steps=1", "diagnostics=hessian")
    exact, mixed = (train(*small, f"trainer.precision={precision}") for precision in ("32-true", "bf16-mixed"))
    assert exact.column("train/loss") != mixed.column("train/loss")
    for name in ("hessian_max", "hessian_min", "hessian_trace"):
        assert exact.column(f"train/{name}") == mixed.column(f"train/{name}")


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adagrad"])
def test_a_run_measures_the_preconditioned_hessian(train, optimizer):
    trained = train(f"optimizer={optimizer}", *SHORT, "budget.steps=5", "diagnostics=[sharpness,preconditioned_hessian]")
    assert all(value > 0 for value in trained.column("train/preconditioned_max"))
    assert all(value > 0 for value in trained.column("train/stability_ratio"))


@pytest.mark.slow
def test_two_processes_measure_the_numbers_of_one(job):
    """34 examples in microbatches of 8: the processes have 17 each, in parts of unequal sizes."""
    words = ("problem=digits_mlp", "model.hidden=[8]", "batch_size=34", "microbatch=16", *SHORT, "budget.steps=5")
    words += (
        "diagnostics=full",
        *SMALL,
        "diagnostics.sharpness.examples=51",
        "trainer.accelerator=cpu",
        "trainer.precision=64-true",
    )
    one, two = job(*words, "sweep=one"), job(*words, "trainer=ddp", "trainer.devices=2", "sweep=two")
    run(one)
    train_in_two_processes([two])
    single, double = (read_curves(each.folder) for each in (one, two))
    names = [name for name in single.columns if name.startswith("train/")]
    assert {f"train/{name}" for name in EVERYWHERE} <= set(names)
    for name in names:
        assert double[name].drop_nulls().to_list() == pytest.approx(single[name].drop_nulls().to_list(), rel=1e-5, abs=1e-8), (
            name
        )


@pytest.mark.slow
def test_sharded_weights_are_refused(job):
    words = ("problem=digits_mlp", *SHORT, "budget.steps=2", "diagnostics=sharpness", "trainer.accelerator=cpu")
    made = job(*words, "trainer=fsdp", "trainer.devices=2")
    with pytest.raises(AssertionError, match=r"trainer=fsdp shards: leave it out of diagnostics"):
        train_in_two_processes([made])
