"""Drawings of means and intervals in the first table."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.drawing.marks import MARK_WIDTH, Mark, draw_marks
from descentlab.report.load import load


@pytest.fixture
def marks_of(make_run, tmp_path):
    """Return the drawings of optimizers with these test accuracies, a run for each."""

    def draw(values: dict[str, tuple[float, ...]]) -> dict[str, Mark]:
        for optimizer, own in values.items():
            for seed, value in enumerate(own):
                make_run(optimizer, seed=seed, summary={"test": {"accuracy": value}})
        return draw_marks(compare(load([tmp_path / "sweep"]))[0].entries)

    return draw


def test_an_entry_that_is_far_off_is_an_arrow_at_the_border_and_does_not_stretch_the_axis(marks_of):
    good = {"adam": (0.974, 0.976, 0.978), "rmsprop": (0.971, 0.974, 0.977), "momentum": (0.960, 0.963, 0.966)}
    marks = marks_of(good | {"sgd": (0.58, 0.60, 0.62)})
    assert (marks["sgd"].mean, marks["sgd"].arrows) == (None, ("left",))
    assert all(marks[name].high - marks[name].low > MARK_WIDTH / 6 for name in good)
    assert all(marks[name].arrows == () for name in good)


def test_an_interval_that_leaves_the_axis_ends_at_the_border_with_an_arrow(marks_of):
    marks = marks_of({"adam": (0.974, 0.975, 0.976), "lion": (0.971, 0.972, 0.973), "sgd": (0.81, 0.98, 0.99)})
    assert marks["sgd"].arrows[0] == "left"
    assert marks["sgd"].low == 0


def test_single_seeds_that_differ_gradually_are_all_on_the_axis(marks_of):
    values = {"a": 0.9749, "b": 0.9721, "c": 0.9666, "d": 0.9666, "e": 0.9638, "f": 0.9443}
    marks = marks_of({name: (value,) for name, value in values.items()})
    assert all(mark.mean is not None and mark.low == mark.mean == mark.high for mark in marks.values())


def test_equal_values_are_not_drawn(marks_of):
    assert marks_of({"adam": (0.9,), "sgd": (0.9,)}) == {}
