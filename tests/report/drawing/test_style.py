"""Colours and dashes of series."""

from __future__ import annotations

from descentlab.report.drawing.style import COLORS, styles
from descentlab.report.load import load


def test_an_optimizer_has_one_colour_and_its_series_differ_in_dashes(make_run, tmp_path):
    make_run("adam", lr=0.1)
    make_run("adam", lr=0.01)
    make_run("sgd")
    found = styles(load([tmp_path / "sweep"]))
    assert {label: (style.color, style.dash) for label, style in found.items()} == {
        "adam lr=0.1": (COLORS[0], "solid"),
        "adam lr=0.01": (COLORS[0], "dash"),
        "sgd": (COLORS[1], "solid"),
    }


def test_an_optimizer_has_the_same_colour_in_every_comparison(make_run, tmp_path):
    for problem in ("digits_mlp", "digits_softmax"):
        make_run("adam", problem=problem)
    assert {style.color for style in styles(load([tmp_path / "sweep"])).values()} == {COLORS[0]}


def test_colours_repeat_if_there_are_more_optimizers_than_colours(make_run, tmp_path):
    for index in range(len(COLORS) + 1):
        make_run(f"optimizer{index:02}")
    found = styles(load([tmp_path / "sweep"]))
    assert found["optimizer00"].color == found[f"optimizer{len(COLORS)}"].color
