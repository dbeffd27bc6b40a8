"""Every shipped config composes, resolves, passes validation and can be instantiated; problems say what they cost."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT, compose_config, options
from hydra.utils import instantiate

from descentlab.sweeps.preflight import GROUPS, Call, check, conflicts

EVERY = [(group, option) for group in ("problem", *GROUPS, "trainer", "logger", "debug") for option in options(group)]
EVERY = [(group, option) for group, option in EVERY if option != "custom"]  # which names no class
FITTING = {
    "model=quadratic": ["problem=quadratic_deep"],
    "data=quadratic": ["problem=quadratic_deep"],
    "task=value": ["problem=quadratic_deep"],
    "data=diabetes": ["problem=diabetes_linear"],
    "task=regression": ["problem=diabetes_linear"],
    "data=breast_cancer": ["problem=breast_cancer_logistic"],
    "task=binary": ["problem=breast_cancer_logistic"],
    **{f"baseline={option}": ["problem=diabetes_linear"] for option in options("baseline")},
}


@pytest.mark.parametrize(("group", "option"), EVERY, ids=[f"{group}={option}" for group, option in EVERY])
def test_config(group, option):
    chosen = f"{group}={option}"
    config, _, mistakes = compose_config(*FITTING.get(chosen, []), chosen)
    if chosen == "trainer=gpu":  # refused, with a reason, where there is none
        assert not mistakes or "no GPU" in mistakes[0]
        return
    assert not mistakes
    for name in GROUPS:
        assert config[name] is None or check(Call.of(name, config[name])) == []
    assert conflicts(config) == []
    instantiate(config["model"], _convert_="all")
    instantiate(config["schedule"], _convert_="all")


@pytest.mark.parametrize("problem", options("problem"))
def test_a_problem_says_its_command_cost_and_result(problem):
    header = [line for line in (ROOT / "conf" / "problem" / f"{problem}.yaml").read_text().splitlines() if line[:1] == "#"]
    text = "\n".join(header)
    assert f"problem={problem}" in text
    assert "cost:" in text
    assert "expect:" in text


@pytest.mark.parametrize("problem", options("problem"))
def test_a_problem_sets_no_part_of_a_part(problem):
    """Else problem=... model=other would hand the problem's settings for its own model to the other one."""
    content = yaml.safe_load((ROOT / "conf" / "problem" / f"{problem}.yaml").read_text())
    assert set(content) <= {"defaults", "batch_size", "budget", "target", "validate_every"}
