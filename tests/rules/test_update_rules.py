"""config/update_rules.py: the rule that it names gives the update of the optimizer that the config builds."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import torch
from conftest import ROOT, compose_config
from hydra.utils import get_class, instantiate
from torch.testing import assert_close

from descentlab.config.update_rules import KERNELS, LIBRARIES, SCRATCH, STATIC, UpdateRule, update_rule
from descentlab.optim import scratch

from .rows import Problem

T, P, S = "torch.optim.", "pytorch_optimizer.", "schedulefree."
SETTINGS: list[tuple[str, dict, str]] = [  # a class, its arguments, and the rule with the same update
    (f"{T}SGD", {"lr": 0.05}, "gradient_descent"),
    (f"{T}SGD", {"lr": 0.05, "weight_decay": 0.1, "foreach": True}, "gradient_descent"),
    (f"{T}SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}, "momentum"),
    (f"{T}SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, "nesterov"),
    (f"{T}Adam", {}, "adam"),
    (f"{T}Adam", {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}, "adam"),
    (f"{T}Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}, "amsgrad"),
    (f"{T}Adam", {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.3}, "adamw"),
    (f"{T}AdamW", {}, "adamw"),
    (f"{T}AdamW", {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.3}, "adamw"),
    (f"{T}Adamax", {}, "adamax"),
    (f"{T}Adamax", {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.1}, "adamax"),
    (f"{T}NAdam", {}, "nadam"),
    (f"{T}NAdam", {"weight_decay": 0.3, "decoupled_weight_decay": True, "momentum_decay": 0.1}, "nadam"),
    (f"{T}RAdam", {"weight_decay": 0.1}, "radam"),
    (f"{T}RAdam", {"weight_decay": 0.3, "decoupled_weight_decay": True}, "radam"),
    (f"{T}RMSprop", {}, "rmsprop"),
    (f"{T}RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1, "alpha": 0.9, "eps": 1e-4}, "rmsprop"),
    (f"{T}Adagrad", {}, "adagrad"),
    (f"{T}Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.2}, "adagrad"),
    (f"{T}Adadelta", {}, "adadelta"),
    (f"{T}Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}, "adadelta"),
    (f"{T}Adafactor", {}, "adafactor"),
    (f"{T}Adafactor", {"lr": 0.3, "beta2_decay": -0.5, "eps": [1e-3, 0.1], "d": 2.0, "weight_decay": 0.1}, "adafactor"),
    (f"{T}Muon", {"lr": 0.02}, "muon"),
    (f"{T}Muon", {"lr": 0.02, "nesterov": False, "ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"}, "muon"),
    (f"{P}Lion", {}, "lion"),
    (f"{P}Lion", {"lr": 0.01, "betas": [0.8, 0.9], "weight_decay": 0.3}, "lion"),
    (f"{S}SGDScheduleFree", {"lr": 0.1, "warmup_steps": 5, "weight_decay": 0.1}, "schedule_free_sgd"),
    (f"{S}AdamWScheduleFree", {}, "schedule_free_adamw"),
    (f"{S}AdamWScheduleFree", {"lr": 0.1, "warmup_steps": 5, "r": 1.0, "weight_decay": 0.1}, "schedule_free_adamw"),
    ("descentlab.optim.scratch.AdamW", {"decay": "independent"}, "adamw"),
    ("descentlab.optim.scratch.SignSGD", {"lr": 0.01, "momentum": 0.9}, "signsgd"),
]


def named(row) -> str:
    return "-".join([row[0].rpartition(".")[2], *row[1]])


@pytest.mark.parametrize("row", SETTINGS, ids=named)
def test_the_rule_gives_the_update_of_the_optimizer_for_20_steps(row):
    target, given, name = row
    found = update_rule({"_target_": target, "_partial_": True, **given})
    assert isinstance(found, UpdateRule)
    assert found.name == name
    problem = Problem("Muon" if name == "muon" else "")
    params, weights = problem.parameters(), [torch.atleast_1d(weight) for weight in problem.start]
    optimizer = instantiate({"_target_": target, "_partial_": True, **given}, _convert_="all")(params)
    if hasattr(optimizer, "train"):
        optimizer.train()
    rule = import_module(f"descentlab.rules.{name}")
    states = [rule.init(weight) for weight in weights]
    for step in range(20):
        problem.descend(optimizer, params, step, step + 1)
        gradients = [
            torch.atleast_1d(each)
            for each in problem.gradients([w.view_as(p) for w, p in zip(weights, params, strict=True)], step)
        ]
        for place, (grad, state, weight) in enumerate(zip(gradients, states, weights, strict=True)):
            increment, states[place] = rule.update(grad, state, weight, **found.hyper)
            weights[place] = weight + increment
    assert_close(weights, [torch.atleast_1d(param.detach()) for param in params], rtol=0, atol=1e-6)
    assert any(not torch.equal(weight, torch.atleast_1d(start)) for weight, start in zip(weights, problem.start, strict=True))


def test_every_optimizer_in_the_table_is_tested():
    assert set(LIBRARIES) <= {target for target, _, _ in SETTINGS}


@pytest.mark.parametrize("target", LIBRARIES)
def test_listed_defaults_are_those_of_the_class(target):
    parameters = inspect.signature(get_class(target)).parameters.values()
    library = LIBRARIES[target]
    known = {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD and each.name != "params"}
    assert known.keys() - KERNELS == library.defaults.keys() | (library.required.keys() & known.keys())
    for key, value in {**library.defaults, **library.required}.items():
        assert known.get(key, value) == value


@pytest.mark.parametrize("name", SCRATCH)
def test_classes_from_scratch_have_the_rule_of_their_module(name):
    rule = getattr(scratch, name).rule
    assert rule.update.__module__ == f"descentlab.rules.{SCRATCH[name]}"


def test_all_classes_from_scratch_are_listed():
    assert set(SCRATCH) == {name for name, value in vars(scratch).items() if isinstance(value, type) and hasattr(value, "rule")}


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "optimizer").rglob("*.yaml")), ids=lambda path: path.stem)
def test_rule_of_a_shipped_optimizer_accepts_its_hyperparameters(path):
    name = path.relative_to(ROOT / "conf" / "optimizer").with_suffix("").as_posix()
    if name == "custom":
        return
    config, _, _ = compose_config(f"optimizer={name}")
    found = update_rule(config["optimizer"])
    if isinstance(found, str):
        assert config["optimizer"]["_target_"] in found
        return
    update = import_module(f"descentlab.rules.{found.name}").update
    inspect.signature(update).bind(None, None, None, **found.hyper)


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ({"_target_": "mine.Own", "lr": 0.1}, "mine.Own has no update rule in descentlab.rules"),
        ({"_target_": f"{T}SGD", "maximize": True}, "maximize=true has no update rule"),
        ({"_target_": f"{T}Adam", "differentiable": True}, "differentiable=true has no update rule"),
        ({"_target_": f"{P}Lion", "weight_decouple": False}, "weight_decouple=false has no update rule"),
        ({"_target_": f"{P}Lion", "use_gc": True}, "use_gc=true has no update rule in descentlab.rules"),
        ({"_target_": f"{P}Lion", "adanorm_r": 0.9}, "adanorm_r of pytorch_optimizer.Lion has no counterpart"),
        ({"_target_": f"{T}AdamW", "amsgrad": True}, "this combination of settings of torch.optim.AdamW"),
        (
            {"_target_": f"{T}Adam", "amsgrad": True, "decoupled_weight_decay": True, "weight_decay": 0.1},
            "this combination of settings",
        ),
        ({"_target_": f"{T}SGD", "momentum": 0.9, "nesterov": True, "dampening": 0.1}, "this combination of settings"),
    ],
    ids=str,
)
def test_settings_without_a_rule_have_a_reason(node, reason):
    found = update_rule(node)
    assert isinstance(found, str)
    assert reason in found


def test_static_hyperparameters_are_those_that_select_the_computation():
    found = update_rule({"_target_": f"{T}Muon", "lr": 0.02, "ns_steps": 3})
    assert isinstance(found, UpdateRule)
    assert found.static.keys() == {*STATIC, "nesterov", "adjust_lr_fn", "ns_dtype"}
    adam = update_rule({"_target_": f"{T}Adam"})
    assert isinstance(adam, UpdateRule)
    assert adam.static == {}
