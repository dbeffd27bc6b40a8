"""The figures of a study: quantities over a swept value, with the bounds of its checks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from descentlab.report.drawing.study_figures import study_figures
from descentlab.store.verdict import CheckResult, StudyVerdict

ROWS = [
    {"arm": arm, "x": x, "seed": seed, "value": x * factor}
    for arm, factor in (("a", 1.0), ("b", 2.0))
    for x in (0.1, 0.2)
    for seed in (1, 2)
]


def check(values=ROWS, **more: Any) -> CheckResult:
    settings = {"check": "value", "arms": ["a", "b"], "within": [0.1, 0.5], **more.pop("check", {})}
    numbers = {"estimate": 0.2, "low": 0.1, "high": 0.3, "n": 2, "needed": None}
    texts = {"text": "the check", "quantity": "train/loss@end", "verdict": "reproduced", "effect": "value of a"}
    return CheckResult(check=settings, values=values, bound="within [0.1, 0.5]", reason="", **numbers, **texts, **more)


def figures(*checks: CheckResult):
    places = [{"arm": "a", "over": {"optimizer.lr": 0.1}, "point": {}, "seed": 1, "role": "report"}]
    texts = dict.fromkeys(
        ("name", "source", "claim", "shows", "differs", "row", "expected", "size", "verdict", "command", "plan"), ""
    )
    lists: dict[str, Any] = {"selections": [], "seeds": [1, 2], "deviations": [], "notes": []}
    runs = {"arms": {"a": [], "b": []}, "runs": {"id": places}, "seconds": 1.0, "figure": {}}
    return study_figures(StudyVerdict(checks=list(checks), **texts, **lists, **runs), {})


def lines(figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in figure.traces if trace["mode"] == "lines"}


def test_each_arm_is_a_line_through_the_means_and_bounds_are_levels():
    (figure,) = figures(check())
    assert (figure.title, figure.x, figure.y, figure.scale) == ("the check", "optimizer.lr", "train/loss@end", "log")
    assert lines(figure)["b"]["y"] == pytest.approx([0.2, 0.4])
    assert figure.levels == [(0.1, "claimed within [0.1, 0.5]"), (0.5, "claimed within [0.1, 0.5]")]


def test_arms_that_the_check_does_not_name_are_not_drawn():
    (figure,) = figures(check(check={"arms": ["a"]}))
    assert list(lines(figure)) == ["a"]


def test_checks_of_the_same_quantity_share_a_figure():
    (figure,) = figures(check(check={"arms": ["a"]}), check(check={"arms": ["b"], "within": [0.2, 0.7]}))
    assert list(lines(figure)) == ["a", "b"]
    assert figure.title == "train/loss@end"
    assert [level for level, _ in figure.levels] == [0.1, 0.5, 0.2, 0.7]


def test_a_reduced_quantity_is_drawn_before_the_reduction_without_bounds():
    reduced = [{"arm": "a", "x": None, "seed": 1, "value": 0.2}]
    (figure,) = figures(check(reduced, grid=ROWS, grid_quantity="train/loss@min"))
    assert (figure.y, figure.levels) == ("train/loss@min", [])
    assert lines(figure)["a"]["x"] == [0.1, 0.2]


@pytest.mark.parametrize("missing", [None, math.inf, math.nan])
def test_a_run_without_a_value_is_a_cross_above_the_others(missing):
    (figure,) = figures(check([*ROWS[:-1], {**ROWS[-1], "value": missing}]))
    (crosses,) = [trace for trace in figure.traces if trace.get("marker", {}).get("symbol") == "x"]
    assert crosses["x"] == [0.2]
    assert crosses["y"][0] > 0.4
    assert lines(figure)["b"]["x"] == [0.1]  # no mean where a value is missing


def test_values_at_a_single_x_have_no_figure():
    assert figures(check([row for row in ROWS if row["x"] == 0.1])) == []
    assert figures(check([{**row, "value": None} for row in ROWS])) == []
