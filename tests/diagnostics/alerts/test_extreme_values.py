"""Every rule evaluates histories whose values are zero, as small or large as floats can be, or not finite."""

from __future__ import annotations

import itertools
import math

import pytest
import yaml
from hydra.utils import instantiate
from support.bench import ROOT

RULES = yaml.safe_load((ROOT / "conf" / "alerts" / "default.yaml").read_text())
EXTREME = (0.0, 5e-324, 1e-308, 1.7e308, math.inf, math.nan)
QUANTITIES = ("grad_norm", "weight_norm", "update_norm", "update_ratio", "dead_units", "logit", "entropy")
COLUMNS = ("grad_norm", "update_norm", "lr", "sharpness", "sharpness_ratio", "stability_ratio")
CONFIG = {
    "optimizer": {"lr": 0.1, "betas": [0.9, 0.9999999], "weight_decay": 0.1},
    "model": {"activation": "relu", "norm_position": "post", "norm": "none", "init": "default"},
    "schedule": {"warmup": 0},
}
ROWS = 60


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("before", "after"), [*itertools.permutations(EXTREME, 2), *((1.0, each) for each in EXTREME)])
def test_no_rule_fails(history, name, before, after):
    rule = instantiate(RULES[name])
    values = [before] * (ROWS // 2) + [after] * (ROWS // 2)
    layers = {10 * row: {each: {"a": value, "b": 1.0, "c": value} for each in QUANTITIES} for row, value in enumerate(values)}
    validations = {10 * row: value for row, value in enumerate(values)}
    made = history(
        values, valid=validations, layers=layers, more=dict.fromkeys(COLUMNS, values), config=CONFIG, total=10 * ROWS
    )
    made.is_over = True
    rule.check(made)
