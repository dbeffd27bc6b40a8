"""The page of range tests."""

from __future__ import annotations

import math

import numpy as np
from support.payloads import header

from descentlab.report.lr_range_page import Panel, render
from descentlab.report.statistics.lr_range import over_seeds, range_test

RATES = np.logspace(-5, 1, 121)


def panel(shifts=(0.0, 0.1, 0.2)):
    losses = np.interp(np.log10(RATES), [-5, -4, -1, 1], [3.0, 3.0, 1.0, 9.0])
    tests = [range_test(RATES * 10**shift, losses) for shift in shifts]
    means = {key: over_seeds([getattr(test, key) for test in tests]) for key in ("knee", "divergence")}
    return Panel("sgd on <b>", tests, "tenth", over_seeds([test.suggestion("tenth") for test in tests]), **means)


def test_the_sentence_names_rate_interval_rule_knee_and_divergence():
    sentence = panel().sentence
    lowest = [test.lowest for test in panel().tests]
    rate = math.prod(lowest) ** (1 / 3) / 10
    assert sentence.startswith(f"sgd on <b>: lr {rate:.2g} [")
    assert "a tenth of the largest rate with the lowest loss (3 seeds)" in sentence
    assert "the loss begins to fall at 0.0" in sentence
    assert "it rises again above its start at 1" in sentence


def test_the_page_draws_each_seed_with_the_suggestion_and_its_interval():
    text = render([panel()])
    assert "sgd on &lt;b&gt;" in text
    (figure,) = header(text)["figures"]
    assert [trace["opacity"] for trace in figure["traces"]] == [0.25] * 3 + [1] * 3
    kinds = [shape["type"] for shape in figure["layout"]["shapes"]]
    assert kinds == ["rect", "line", "line", "line"]


def test_without_a_fall_there_is_no_suggestion():
    tests = [range_test(RATES, 1 + RATES)]
    empty = Panel("sgd", tests, "tenth", None, None, None)
    assert empty.sentence == "sgd: no suggestion, since the loss does not fall with every seed."
    assert "no suggestion" in render([empty])
