"""The steps of runs and the seconds of a step, before a sweep starts."""

from __future__ import annotations

import pytest
from conftest import ROOT, compose_config

from descentlab.launchers.checks.timing import timed


def config_of(*overrides):
    config, _, mistakes = compose_config("logger=none", f"data_dir={ROOT}/data", *overrides)
    assert not mistakes
    return config


def test_steps_follow_from_the_budget_and_the_data():
    steps = ("budget.epochs=null", "budget.steps=70")
    found = list(timed([config_of("budget.epochs=2"), config_of(*steps), config_of("budget.epochs=null", "budget.seconds=3")]))
    assert [count for count, _ in found] == [78, 70, None]
    seconds = {each for _, each in found}
    assert len(seconds) == 1  # configs that differ in their budgets only are timed once
    assert min(seconds) > 0


def test_large_models_and_several_processes_are_not_timed():
    config = config_of("problem=digits_mlp", "model.hidden=[6000,6000]")
    assert list(timed([config])) == [(1170, None)]
    ddp = config_of("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
    assert list(timed([ddp])) == [(1170, None)]


@pytest.mark.parametrize("words", [("optimizer=lbfgs",), ("optimizer=sam",), ("engine=explicit", "optimizer=scratch/adam")])
def test_optimizers_with_closures_and_both_engines_are_timed(words):
    ((_, seconds),) = timed([config_of(*words)])
    assert seconds is not None
    assert seconds > 0
