"""The panel of times to the target."""

from __future__ import annotations

import pytest

from descentlab.store.record import Status

TITLE = "Time to target 0.95: fraction of runs that reached it (Kaplan-Meier)"


def runs(make_run, optimizer, steps, **more):
    for seed, step in enumerate(steps):
        summary = {"steps": 400, "gradient_evaluations": 400, "steps_to_target": step}
        make_run(optimizer, seed=seed, summary=summary, **more)


def lines_and_marks(figure):
    """Return the lines of a figure, and the marks where runs are censored."""
    return [[trace for trace in figure.traces if trace["mode"] == mode] for mode in ("lines", "markers")]


def test_the_fraction_that_reached_the_target_is_drawn(make_run, draw):
    runs(make_run, "adam", [100, 200, None, 100])
    runs(make_run, "sgd", [None, None])
    lines, _ = lines_and_marks(draw()[TITLE])
    adam, sgd = sorted(lines, key=lambda trace: trace["series"])
    assert adam["x"] == [80, 100, 200, 400]
    assert 400 < 10 ** draw()[TITLE].layout["xaxis"]["range"][1] < 420
    assert adam["y"] == pytest.approx([0, 0.5, 0.75, 0.75])
    assert adam["name"].startswith("adam (4 seeds): 3 of 4 runs, mean 200 [")
    assert (sgd["x"], sgd["y"], sgd["name"]) == ([80, 400], [0, 0], "sgd (2 seeds): 0 of 2 runs")


def test_a_diverged_run_counts_as_not_reaching_the_target(make_run, draw):
    runs(make_run, "adam", [100, 200])
    summary = {"steps": 30, "diverged_step": 30, "steps_to_target": None}
    make_run("adam", seed=2, status=Status.DIVERGED, summary=summary)
    (line,), (mark,) = lines_and_marks(draw()[TITLE])
    assert mark["text"][0].endswith("1 of 3 runs did not reach the target")
    assert line["y"] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])


def test_the_panel_needs_several_seeds_and_a_run_that_reached_the_target(make_run, draw):
    runs(make_run, "adam", [100])
    assert TITLE not in draw()
    runs(make_run, "sgd", [None, None])
    assert TITLE in draw()


def test_no_run_that_reached_the_target_gives_no_panel(make_run, draw):
    runs(make_run, "sgd", [None, None])
    assert TITLE not in draw()
