"""Probes are measured at fixed steps, outside of the run's clock; they change neither a run nor its id."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, compose_config
from support.probing import context_of, measure
from torch import nn

from descentlab.config.identity import run_id
from descentlab.diagnostics.grad_norm import GradNorm
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.diagnostics.update_norm import UpdateNorm
from descentlab.store.record import read_layers
from descentlab.sweeps.unfusable import LIGHT_PROBES
from descentlab.training import clock

SHORT = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "log_every=5")
ALWAYS = (*SHORT, "diagnostics.every=5")
MINE = "+diagnostics.mine._target_=diagnostics.test_probes."
ENGINES = pytest.mark.parametrize("engine", [("optimizer=adam",), ("optimizer=scratch/adam", "engine=explicit")], ids=" ".join)


def test_the_norms_are_those_of_all_parameters_as_one_vector():
    model = nn.ParameterDict({"a": torch.zeros(2), "b": torch.zeros(1)})
    some = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0])}
    context = context_of(model, lambda *_: torch.zeros(()), after=some, gradients=some)
    assert measure(GradNorm(), context).numbers == {"grad_norm": 5}
    assert measure(UpdateNorm(), context).numbers == {"update_norm": 5}


def test_a_step_captures_only_the_tensors_that_probes_need():
    assert Probes([]).needs(0) == frozenset()
    assert Probes([GradNorm()]).needs(0) == {"gradients"}
    assert Probes([GradNorm(), UpdateNorm()]).needs(0) == {"gradients", "weights"}


def test_every_light_probe_is_in_the_config_and_is_measured_in_fused_groups():
    nodes = compose_config("diagnostics=light")[0]["diagnostics"]
    targets = {name: node["_target_"] for name, node in nodes.items() if isinstance(node, dict)}
    assert set(targets.values()) == set(LIGHT_PROBES)
    for name, target in targets.items():
        module, _, kind = target.rpartition(".")
        probe = getattr(import_module(module), kind)()
        assert probe.name == name == module.rpartition(".")[2]
        assert probe.cost in ("row", "light")
        assert (ROOT / "src/descentlab/diagnostics" / f"{name}.py").exists()


@ENGINES
def test_probes_affect_only_their_own_columns(train, engine):
    light, none = train(*SHORT, *engine), train(*SHORT, *engine, "diagnostics=none", "sweep=none")
    own = ["train/grad_norm", "train/update_norm"]
    assert light.curves.drop("train_seconds", *own).equals(none.curves.drop("train_seconds"))
    assert [len(light.column(name)) for name in own] == [3, 3]
    assert light.record.id == none.record.id
    assert not (none.folder / "layers.parquet").exists()


@ENGINES
def test_layers_have_a_row_for_each_measured_step(train, engine):
    layers = read_layers(train(*ALWAYS, *engine).folder)
    dense = ["blocks.0.layers.0", "blocks.1.layers.0", "head"]
    norms = layers.drop_nulls("weight_norm")
    assert norms["step"].to_list() == [step for step in (0, 5, 10) for _ in dense]
    assert norms["layer"].to_list() == dense * 3
    assert norms.select("grad_norm", "update_ratio", "angular_update", "gradient_snr").null_count().sum_horizontal().item() == 0
    assert layers.drop_nulls("dead_units")["layer"].to_list() == ["blocks.0.layers.1", "blocks.1.layers.1"] * 3


def test_diagnostics_do_not_change_the_id():
    words = ("diagnostics=light", "diagnostics=none", "diagnostics.budget=0.5", "diagnostics.every=7")
    assert len({run_id(compose_config(each)[0]) for each in words}) == 1


class Size:
    """Needs no copies of tensors."""

    name, cost, needs = "size", "light", ()

    def measure(self, context):
        return {"size": sum(float(weight.norm()) for weight in context.after.values())}


@ENGINES
def test_a_probe_without_needs_reads_the_current_weights(train, engine):
    run = train(*ALWAYS, *engine, "diagnostics=none", f"{MINE}Size")
    assert len(run.column("train/size")) == 3
    assert min(run.column("train/size")) > 1


class Distance:
    """Measures the loss of the batch at the weights after the step, that of held-out examples, and the number of tensors."""

    name, cost, needs = "distance", "full", ("weights", "gradients", "model")

    def measure(self, context):
        names = [*context.before]
        assert names == [*context.after] == [*context.gradients]
        assert "head.weight" in names
        with torch.no_grad():
            before, again = (context.loss(each, context.batches[0]) for each in (context.before, context.after))
            held_out = context.loss(context.after, context.held_out())
        return {"before": before, "again": again, "held_out": held_out, "tensors": len(names)}


@ENGINES
def test_a_user_probe_reads_weights_gradients_loss_and_data(train, engine):
    run = train(*ALWAYS, *engine, f"{MINE}Distance")
    assert run.column("train/tensors") == [6, 6, 6]
    assert len(run.column("train/held_out")) == 3
    assert run.column("train/before")[0] == pytest.approx(run.column("train/loss")[0], rel=1e-6)
    assert run.column("train/again")[0] < run.column("train/loss")[0]


class Hour:
    """A probe that advances the clock by an hour."""

    name, cost, needs = "hour", "row", ("weights", "gradients")
    now = 0.0

    def measure(self, context):
        Hour.now += 3600
        return {"hour": 1.0}


@ENGINES
def test_measuring_stops_the_clock(train, monkeypatch, engine):
    hour = import_module("diagnostics.test_probes").Hour
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: hour.now))
    run = train(*SHORT, *engine, f"{MINE}Hour", "log_every=1")
    assert hour.now >= 12 * 3600
    assert run.record.summary["train_seconds"] == 0


def test_the_cost_of_probes_is_recorded(train):
    record = train(*ALWAYS).record
    about = record.summary["diagnostics"]
    assert about["every"] == {"row": 5, "light": 5, "light_model": 5}
    assert min(about["seconds"][name] for name in ("copies", "replay", "layer_norms", "gradient_snr", "dead_units")) > 0
    assert record.timings["diagnostics"] == pytest.approx(sum(about["seconds"].values()))
    assert about["overhead"] == pytest.approx(record.timings["diagnostics"] / record.summary["train_seconds"])
    assert train(*SHORT, "diagnostics=none").record.timings["diagnostics"] == 0


def test_a_probe_that_fails_is_left_out_and_the_run_continues(train, monkeypatch, capfd):
    def fails(self, context):
        raise RuntimeError("it cannot be measured")

    monkeypatch.setattr("descentlab.diagnostics.layer_norms.LayerNorms.measure", fails)
    run = train(*SHORT)
    assert run.record.summary["steps"] == 12
    left_out = run.record.summary["diagnostics"]["left_out"]
    assert left_out.keys() == {"layer_norms"}
    assert left_out["layer_norms"].startswith("RuntimeError: it cannot be measured")
    assert capfd.readouterr().err.count("the probe layer_norms is left out") == 1


class Broken:
    """A user's probe with a mistake."""

    name, cost, needs = "broken", "row", ()

    def measure(self, context):
        return {"broken": 1 / 0}


def test_an_error_of_a_users_probe_is_raised(train):
    with pytest.raises(ZeroDivisionError):
        train(*SHORT, f"{MINE}Broken")
