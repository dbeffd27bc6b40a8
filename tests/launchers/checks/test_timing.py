"""The steps of runs and the seconds of a step, before a sweep starts."""

from __future__ import annotations

import pytest
from conftest import ROOT, compose_config

from descentlab.launchers.checks.timing import StepTimer
from descentlab.launchers.preflight import StepCost, StepRequest, digests_of, measure_steps
from descentlab.launchers.server import fork_server


def config_of(*overrides):
    config, _, mistakes = compose_config("logger=none", f"data_dir={ROOT}/data", *overrides)
    assert not mistakes
    return config


def measured(config, is_timed=True):
    return StepTimer().measure(StepRequest(config, is_timed))


def test_steps_follow_from_the_budget_and_the_data():
    timer, steps = StepTimer(), ("budget.epochs=null", "budget.steps=70")
    configs = [config_of("budget.epochs=2"), config_of(*steps), config_of("budget.epochs=null", "budget.seconds=3")]
    assert [timer.measure(StepRequest(config, False)) for config in configs] == [StepCost(78), StepCost(70), StepCost()]
    assert len(timer.data) == 1


def test_large_models_and_several_processes_are_not_timed():
    config = config_of("problem=digits_mlp", "model.hidden=[6000,6000]")
    assert measured(config) == StepCost(1170, None)
    ddp = config_of("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
    assert measured(ddp) == StepCost(1170, None)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("optimizer=lbfgs",), ("optimizer=sam",), ("engine=explicit", "optimizer=scratch/adam")])
def test_optimizers_with_closures_and_both_engines_are_timed(words):
    seconds = measured(config_of(*words)).seconds
    assert seconds is not None
    assert seconds > 0


@pytest.mark.slow
def test_an_error_in_one_config_leaves_the_cost_of_the_others_known():
    usual = config_of("budget.epochs=2")
    missing = {**usual, "data": {"_target_": "nowhere.Data"}}
    deadly = {**usual, "data": {"_target_": "support.odd_parts.Deadly"}}
    requests = [StepRequest(config, False) for config in (usual, missing, deadly, usual)]
    assert measure_steps(fork_server(1), requests) == [StepCost(78), StepCost(), StepCost(), StepCost(78)]


@pytest.mark.slow
def test_data_that_end_the_process_leave_the_digests_of_others_known():
    nodes = [config_of()["data"], {"_target_": "support.odd_parts.Deadly"}, config_of("data=digits_unit")["data"]]
    first, none, last = digests_of(fork_server(1), nodes)
    assert none is None
    assert len({first, last} - {None}) == 2
