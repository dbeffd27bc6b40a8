"""Colours, dashes and shades of series."""

from __future__ import annotations

import pytest
from conftest import options

from descentlab.report.compare import compare
from descentlab.report.drawing.style import COLORS, FIXED, optimizer_colors, styles
from descentlab.report.load import load


@pytest.fixture
def found(tmp_path):
    """Return the styles of tmp_path/sweep, by label."""
    return lambda: styles(compare(load([tmp_path / "sweep"])))


def test_series_of_an_optimizer_share_its_colour_and_have_dashes_and_shades_by_rate(make_run, found):
    for lr, best in ((0.1, 0.7), (0.01, 0.9), (0.001, 0.8)):
        make_run("adam", lr=lr, summary={"best_valid": best})
    make_run("sgd")
    assert {label: (style.color, style.dash, style.shade) for label, style in found().items()} == {
        "adam lr=0.001": (FIXED["adam"], "dash", 0.0),
        "adam lr=0.01": (FIXED["adam"], "solid", 0.5),  # selected
        "adam lr=0.1": (FIXED["adam"], "dot", 1.0),
        "sgd": (FIXED["sgd"], "solid", 0.5),
    }


def test_an_optimizer_has_the_same_colour_in_every_comparison_and_on_every_page(make_run, found):
    make_run("sgd")
    for problem in ("digits_mlp", "digits_softmax"):
        make_run("adam", problem=problem)
    assert {style.color for label, style in found().items() if "adam" in label} == {FIXED["adam"]}
    assert optimizer_colors(["muon", "adam"])["adam"] == optimizer_colors(["adam", "lion", "mine"])["adam"] == FIXED["adam"]


def test_the_order_of_optimizers_does_not_change_their_colours():
    names = ["mine", "adam", "scratch/adam", "adam_mini", "yours", "sgd"]
    colors = optimizer_colors(names)
    assert colors == optimizer_colors(names[::-1])
    assert len(set(colors.values())) == len(names)
    assert (colors["adam"], colors["sgd"]) == (FIXED["adam"], FIXED["sgd"])


def test_an_optimizer_without_a_fixed_colour_has_one_by_its_name():
    assert optimizer_colors(["mine"]) == {"mine": optimizer_colors(["mine", "adam"])["mine"]}


def test_colours_repeat_if_there_are_more_optimizers_than_colours():
    colors = list(optimizer_colors(f"optimizer{index:02}" for index in range(2 * len(COLORS))).values())
    assert {colors.count(color) for color in COLORS} == {2}


def test_the_table_of_colours_names_shipped_optimizers_only():
    scratch = {name.rpartition("/")[2] for name in options("optimizer/scratch")}
    assert set(FIXED) <= {*options("optimizer"), *scratch}
