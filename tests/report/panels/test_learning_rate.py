"""The panel of the schedule."""

from __future__ import annotations

import pytest

TITLE = "Learning rate"


def rows(*rates):
    axes = {"examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0, "epoch": 0.0}
    axes |= {"train/loss": 1.0, "train/update_norm": 0.1}
    return [{"step": step, **axes, "train/lr": lr} for step, lr in enumerate(rates)]


def test_constant_rates_have_no_panel(make_run, draw):
    make_run("adam", lr=0.1, curves=rows(0.1, 0.1, 0.1))
    make_run("sgd", lr=0.2, curves=rows(0.2, 0.2, 0.2))
    assert not {TITLE, "Further measurements"} & set(draw())


def test_a_schedule_has_a_panel_below_the_norms(make_run, draw):
    make_run("adam", curves=rows(0.1, 0.1, 0.1))
    make_run("sgd", curves=rows(0.1, 0.09, 0.08))
    assert list(draw())[-2:] == ["Update norm", TITLE]


@pytest.mark.parametrize(("last", "scale"), [(0.05, "linear"), (0.01, "log"), (0.0, "linear")])
def test_rates_over_a_factor_of_ten_have_a_logarithmic_axis(make_run, draw, last, scale):
    make_run(curves=rows(0.1, 0.07, last))
    assert draw()[TITLE].scale == scale
