"""Probes are measured at fixed steps, outside of the run's clock; they change neither a run nor its id."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, compose_config

from descentlab.config.identity import run_id
from descentlab.diagnostics.grad_norm import GradNorm
from descentlab.diagnostics.probe import Context
from descentlab.diagnostics.probes import Probes
from descentlab.diagnostics.update_norm import UpdateNorm
from descentlab.training import clock

SHORT = ("problem=digits_mlp", "budget.epochs=null", "budget.steps=12", "log_every=5")
MINE = "+diagnostics.mine._target_=diagnostics.test_probes."


def context(before=None, after=None, gradients=None):
    return Context(0, before or {}, after or {}, gradients or {}, lambda batch: batch[0], [], tuple)


def test_the_norms_are_those_of_all_parameters_as_one_vector():
    zero = {"a": torch.zeros(2), "b": torch.zeros(1)}
    some = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([4.0])}
    assert float(GradNorm().measure(context(gradients=some))["grad_norm"]) == 5
    assert float(UpdateNorm().measure(context(zero, some))["update_norm"]) == 5


def test_a_step_captures_only_the_tensors_that_probes_need():
    assert Probes([]).needs == frozenset()
    assert Probes([GradNorm()]).needs == {"gradients"}
    assert Probes([GradNorm(), UpdateNorm()]).needs == {"gradients", "weights"}


def test_every_probe_file_is_listed_in_a_config():
    probes = {path.stem for path in (ROOT / "src/descentlab/diagnostics").glob("*.py")} - {"__init__", "probe", "probes"}
    assert set(compose_config("diagnostics=light")[0]["diagnostics"]) == probes
    assert compose_config("diagnostics=none")[0]["diagnostics"] == {}


@pytest.mark.parametrize("engine", [("optimizer=adam",), ("optimizer=scratch/adam", "engine=explicit")], ids=" ".join)
def test_probes_affect_only_their_own_columns(train, engine):
    light, none = train(*SHORT, *engine), train(*SHORT, *engine, "diagnostics=none", "sweep=none")
    norms = ["train/grad_norm", "train/update_norm"]
    assert light.curves.drop("train_seconds", *norms).equals(none.curves.drop("train_seconds"))
    assert [len(light.column(norm)) for norm in norms] == [3, 3]
    assert light.record.id == none.record.id


def test_diagnostics_do_not_change_the_id():
    ids = {run_id(compose_config(f"diagnostics={option}")[0]) for option in ("light", "none")}
    assert len(ids) == 1


class Size:
    """Needs no copies of tensors."""

    name, cost, needs = "size", "light", ()

    def measure(self, context):
        return {"size": sum(float(weight.norm()) for weight in context.after.values())}


@pytest.mark.parametrize("engine", [("optimizer=adam",), ("optimizer=scratch/adam", "engine=explicit")], ids=" ".join)
def test_a_probe_without_needs_reads_the_current_weights(train, engine):
    run = train(*SHORT, *engine, "diagnostics=none", f"{MINE}Size")
    assert len(run.column("train/size")) == 3
    assert min(run.column("train/size")) > 1


class Distance:
    """Measures the loss of the batch after the step and of held-out examples, and the number of tensors it received."""

    name, cost, needs = "distance", "full", ("weights", "gradients")

    def measure(self, context):
        names = [*context.before]
        assert names == [*context.after] == [*context.gradients]
        assert "head.weight" in names
        with torch.no_grad():
            again, held_out = context.loss(context.batches[0]), context.loss(context.held_out())
        return {"again": again, "held_out": held_out, "tensors": len(names)}


@pytest.mark.parametrize("engine", [("optimizer=adam",), ("optimizer=scratch/adam", "engine=explicit")], ids=" ".join)
def test_a_user_probe_reads_weights_gradients_loss_and_data(train, engine):
    run = train(*SHORT, *engine, f"{MINE}Distance")
    assert run.column("train/tensors") == [6, 6, 6]
    assert len(run.column("train/held_out")) == 3
    assert run.column("train/again")[0] < run.column("train/loss")[0]


class Hour:
    """A probe that advances the clock by an hour."""

    name, cost, needs = "hour", "full", ("weights", "gradients")
    now = 0.0

    def measure(self, context):
        Hour.now += 3600
        return {"hour": 1.0}


@pytest.mark.parametrize("engine", [("optimizer=adam",), ("optimizer=scratch/adam", "engine=explicit")], ids=" ".join)
def test_measuring_stops_the_clock(train, monkeypatch, engine):
    hour = import_module("diagnostics.test_probes").Hour
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: hour.now))
    run = train(*SHORT, *engine, f"{MINE}Hour", "log_every=1")
    assert hour.now >= 12 * 3600
    assert run.record.summary["train_seconds"] == 0


def test_the_cost_of_probes_is_recorded(train):
    assert train(*SHORT).record.timings["diagnostics"] > 0
    assert train(*SHORT, "diagnostics=none").record.timings["diagnostics"] == 0
