"""Light probes of runs with two processes are those of one process."""

from __future__ import annotations

import pytest
from support.torchrun import train_in_two_processes
from training.fused.test_probing import assert_same_layers

from descentlab.run import run
from descentlab.store.record import Record, read_curves, read_layers

SHORT = (
    "problem=digits_mlp",
    "budget.epochs=null",
    "budget.steps=16",
    "validate_every=8",
    "log_every=5",
    "diagnostics.every=5",
)
EVALUATING = {"gradient_snr", "dead_units", "attention"}


@pytest.mark.slow
def test_two_processes_measure_what_one_process_measures(job):
    words = (*SHORT, "trainer.precision=64-true", "data.limit=400")
    cases = [("microbatch=8",), ("model.activation=sigmoid", "optimizer=muon"), ("optimizer=sam", "optimizer.lr=0.1")]
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.precision=64-true")
    jobs = [(job(*words, *case), job(*words, *case, *two)) for case in cases]
    train_in_two_processes([parallel for _, parallel in jobs])
    for alone, parallel in jobs:
        run(alone)
        expected, found = read_layers(alone.folder), read_layers(parallel.folder)
        if alone.config["microbatch"]:  # halves of microbatches are other halves of the batch
            expected, found = expected.drop("gradient_snr"), found.drop("gradient_snr")
        assert_same_layers(found, expected, 1e-8)
        for column in ("train/grad_norm", "train/update_norm"):
            ours, theirs = (read_curves(each.folder)[column].drop_nulls().to_list() for each in (parallel, alone))
            assert ours == pytest.approx(theirs, rel=1e-8)
        assert Record.read(parallel.folder).summary["diagnostics"]["every"]["light"] == 5


@pytest.mark.slow
def test_intervals_of_two_processes_agree_and_a_divergence_names_its_step(job):
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
    usual = job(*SHORT, *two, "diagnostics.every=null", "budget.steps=60")
    diverging = job(*SHORT, *two, "optimizer=sgd", "optimizer.lr=1e39")
    train_in_two_processes([usual, diverging])
    assert Record.read(usual.folder).summary["diagnostics"]["every"]["light"] >= 5
    summary = Record.read(diverging.folder).summary["nonfinite"]
    assert (summary["step"], summary["layer"], summary["tensor"]) == (1, None, "loss")
    assert summary["reason"].endswith("several processes")


@pytest.mark.slow
def test_sharded_weights_have_the_norms_of_whole_ones_and_leave_out_what_evaluates_the_model(job):
    sharded = job(*SHORT, "trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2")
    alone = job(*SHORT)
    train_in_two_processes([sharded])
    run(alone)
    columns = ["step", "layer", "grad_norm", "weight_norm", "update_norm", "update_ratio", "angular_update"]
    found, expected = read_layers(sharded.folder), read_layers(alone.folder)
    assert found.columns == columns
    assert_same_layers(found, expected.drop_nulls("weight_norm").select(columns), 2e-4)
    about = Record.read(sharded.folder).summary["diagnostics"]
    assert set(about["left_out"]) == EVALUATING
    assert "trainer=fsdp shards" in about["left_out"]["dead_units"]
