"""Formulas of the keys of a config."""

from __future__ import annotations

import math

import pytest

from descentlab.errors import UsageError
from descentlab.studies.measuring.formula import evaluate

CONFIG = {"optimizer": {"lr": 0.1, "betas": [0.9, 0.99], "name": "adam"}, "batch_size": 32}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("optimizer.lr / 2", 0.05),
        ("2 * (1 + optimizer.betas[0]) / ((1 - optimizer.betas[0]) * optimizer.lr)", 380.0),
        ("-batch_size ** 2", -1024.0),
        ("sqrt(batch_size) + log2(8)", math.sqrt(32) + 3),
    ],
)
def test_a_formula_has_the_value_of_its_keys(formula, value):
    assert evaluate(formula, CONFIG) == pytest.approx(value)


@pytest.mark.parametrize(
    "formula", ["optimizer.name", "optimizer.rl", "__import__('os')", "lr +", "optimizer.betas[7]", "open(1)"]
)
def test_anything_else_is_a_mistake(formula):
    with pytest.raises(UsageError, match="formula"):
        evaluate(formula, CONFIG)
