"""Panels over several problems: the critical-difference diagram and the performance profile."""

from __future__ import annotations

import json
import re

import pytest

from descentlab.report.compare import compare
from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.style import styles
from descentlab.report.load import load
from descentlab.report.panels import draw_panels
from descentlab.store.record import Status

DIAGRAM = "Critical-difference diagram: average rank over 3 problems"
SCORES = "Normalised scores over 3 problems"
PROFILE = "Performance profile: fraction of 3 problems solved within tau times the fastest's steps to target"
PROBLEMS = ("digits_mlp", "wine_mlp", "cancer_logistic")


@pytest.fixture
def draw_across(tmp_path):
    """Draw the panels over all problems in tmp_path/sweep, by title; no panel may fail."""

    def draw():
        answers = compare(load([tmp_path / "sweep"]))
        panels, failures = draw_panels(AcrossData(answers, styles(answers)))
        assert failures == []
        return {panel.title: panel for panel in panels}

    return draw


@pytest.fixture
def sweep(make_run):
    """Write runs of three optimizers on three problems, with two seeds each."""

    def make(problems=PROBLEMS, steps=((100, 110), (200, 240), (None, 390))):
        for problem in problems:
            for optimizer, score, times in zip(("adam", "sgd", "muon"), (0.9, 0.8, 0.7), steps, strict=True):
                for seed, step in enumerate(times):
                    summary = {"steps": 400, "steps_to_target": step, "test": {"accuracy": score + 0.01 * seed}}
                    make_run(optimizer, problem=problem, seed=seed, summary=summary)

    return make


def test_the_diagram_shows_ranks_and_joins_undistinguished_optimizers(sweep, draw_across):
    sweep()
    html = draw_across()[DIAGRAM].html
    assert re.findall(r">(\w+ \d\.\d\d)<", html) == ["adam 1.00", "sgd 2.00", "muon 3.00"]
    assert "stroke: var(--line-" in html  # a colour of the light or of the dark page
    assert html.count('stroke-width="4"') == 2  # adam with sgd, sgd with muon
    assert "CD = 1.91" in html
    assert "n = 3 problems" in html


def test_normalised_scores_have_limits_and_the_probability_of_improvement(sweep, draw_across):
    sweep()
    html = draw_across()[SCORES].html
    rows = [re.findall("<td>(.*?)</td>", row) for row in html.split("<tr>")[2:]]
    assert [row[0] for row in rows] == ["adam", "sgd", "muon"]
    # means .905, .805 and .705; runs are .005 from them, which is .025 of the range
    assert [row[1].split(" [")[0] for row in rows] == ["1.000", "0.500", "0"]
    assert rows[0][2:] == ["", "6"]
    assert rows[1][2] == "0.00 (in all resamples)"
    assert "better than one of adam" in html


def test_diverged_runs_have_the_lowest_normalised_score(make_run, sweep, draw_across):
    sweep()
    for problem in PROBLEMS:
        make_run("lion", problem=problem, seed=0, status=Status.DIVERGED, summary={"test": {}, "diverged_step": 3})
    assert "<td>lion</td><td>lowest: too many runs diverged</td>" in draw_across()[SCORES].html


def test_the_profile_shows_fractions_and_scores(sweep, draw_across):
    sweep()
    figure = draw_across()[PROFILE]
    json.dumps(figure.traces, allow_nan=False)
    lines = {trace["name"].split(":")[0]: trace for trace in figure.traces if "fill" not in trace}
    assert lines["adam"]["name"] == "adam: AlgoPerf score 1.00 [1.00, 1.00]"
    assert lines["sgd"]["x"][-2:] == [4, 4]
    assert lines["sgd"]["y"][0] == 0
    assert lines["sgd"]["y"][-1] == 1
    assert set(lines["muon"]["y"]) == {0}  # the median of its two runs did not reach the target
    assert len({line["line"]["width"] for line in lines.values()}) > 1  # lines that coincide are visible
    assert figure.layout["showlegend"]


def test_a_problem_without_a_target_does_not_count_in_the_profile(make_run, sweep, draw_across):
    sweep(problems=PROBLEMS[:2])
    for optimizer in ("adam", "sgd", "muon"):
        make_run(optimizer, problem="diabetes_linear", config={"target": None}, summary={"target": None})
    figure = draw_across()[PROFILE.replace("3 problems", "2 problems")]
    assert figure.note.endswith("Excluded because they have no target or several targets: diabetes_linear.")
    assert next(trace for trace in figure.traces if trace.get("name", "").startswith("sgd"))["y"][-1] == 1


def test_bands_are_drawn_from_five_problems_on(sweep, draw_across):
    sweep(problems=[f"problem{index}" for index in range(5)])
    figure = draw_across()[PROFILE.replace("3 problems", "5 problems")]
    assert ["fill" in trace for trace in figure.traces] == [True] * 3 + [False] * 3


def test_one_problem_or_one_common_optimizer_has_no_panel_over_problems(make_run, sweep, draw_across):
    sweep(problems=["digits_mlp"])
    assert draw_across() == {}
    make_run("lion", problem="wine_mlp")
    assert draw_across() == {}


def test_no_profile_without_a_run_that_reached_its_target(sweep, draw_across):
    sweep(steps=((None, None),) * 3)
    assert list(draw_across()) == [DIAGRAM, SCORES]


def test_an_optimizer_that_failed_on_a_problem_has_no_profile(make_run, sweep, draw_across):
    sweep()
    for problem in PROBLEMS:
        status = Status.FAILED if problem == "wine_mlp" else Status.COMPLETED
        make_run("lion", problem=problem, status=status, summary={"steps": 400, "steps_to_target": 90})
    names = [trace["name"].split(":")[0] for trace in draw_across()[PROFILE].traces]
    assert sorted(names) == ["adam", "muon", "sgd"]


def test_an_optimizer_that_is_missing_on_a_problem_is_left_out(make_run, sweep, draw_across):
    sweep()
    make_run("lion", problem="wine_mlp")
    assert "lion" not in draw_across()[DIAGRAM].html
