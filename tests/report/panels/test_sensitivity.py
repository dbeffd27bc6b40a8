"""The panel of the learning rate's sensitivity."""

from __future__ import annotations

import pytest

from descentlab.store.record import Status

TITLE = "Best validation accuracy by learning rate"


def test_the_panel_is_drawn_once_an_optimizer_has_two_rates(make_run, draw):
    make_run(lr=0.1, summary={"best_valid": 0.9})
    make_run("sgd", lr=0.2)
    assert TITLE not in draw()
    make_run(lr=0.01, summary={"best_valid": 0.7})
    assert TITLE in draw()


def test_the_best_series_at_each_rate_is_drawn_and_rates_without_a_result_are_marked(make_run, draw):
    make_run(lr=0.1, summary={"best_valid": 0.9})
    make_run(lr=0.01, summary={"best_valid": 0.7})
    make_run(lr=0.01, config={"batch_size": 8}, summary={"best_valid": 0.8})
    make_run(lr=10.0, status=Status.DIVERGED, summary={"diverged_step": 3})
    traces = draw()[TITLE].traces
    assert ([0.01, 0.1], [0.8, 0.9]) in [(trace["x"], trace["y"]) for trace in traces]
    assert [(trace["x"], trace["marker"]["symbol"]) for trace in traces if trace.get("marker", {}).get("symbol") == "x"] == [
        ([10.0], "x")
    ]


def test_the_selected_rate_has_a_ring_and_the_searched_range_a_bar(make_run, draw):
    for lr, value in ((0.01, 0.7), (0.1, 0.9), (1.0, 0.8)):
        make_run(lr=lr, summary={"best_valid": value})
    figure = draw()[TITLE]
    rings = [trace for trace in figure.traces if trace.get("marker", {}).get("symbol") == "circle-open"]
    assert [(ring["x"], ring["y"]) for ring in rings] == [([0.1], [0.9])]
    assert [trace["x"] for trace in figure.traces if trace.get("yaxis") == "y2"] == [[0.01, 1.0]]
    assert figure.summary == "adam from 0.01 to 1, selected 0.1"


def test_crosses_of_two_optimizers_at_one_rate_have_different_heights(make_run, draw):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, lr=0.1, summary={"best_valid": 0.9})
        make_run(optimizer, lr=10.0, status=Status.DIVERGED, summary={"diverged_step": 3})
    crosses = [trace for trace in draw()[TITLE].traces if trace.get("yaxis") == "y3"]
    assert [cross["x"] for cross in crosses] == [[10.0], [10.0]]
    assert crosses[0]["y"] != crosses[1]["y"]


def test_a_rate_with_a_diverged_seed_has_a_mean_and_a_cross(make_run, draw):
    make_run(lr=0.1, summary={"best_valid": 0.9})
    make_run(lr=1.0, summary={"best_valid": 0.5})
    make_run(lr=1.0, seed=1, status=Status.DIVERGED, summary={"diverged_step": 3, "best_valid": None})
    traces = draw()[TITLE].traces
    assert ([0.1, 1.0], [0.9, 0.5]) in [(trace["x"], trace["y"]) for trace in traces]
    cross = next(trace for trace in traces if trace.get("marker", {}).get("symbol") == "x")
    assert cross["x"] == [1.0]
    assert cross["text"] == ["adam lr=1 (2 seeds): 1 completed, 1 diverged at step 3"]


@pytest.mark.parametrize(
    ("best", "start"),
    [
        (0.01, "Selected rate at the lowest end of its range: adam."),
        (0.1, "No selected rate is on the edge of its range."),
        (1.0, "Selected rate at the highest end of its range: adam."),
    ],
)
def test_the_note_names_selected_rates_on_the_edge(make_run, draw, best, start):
    for lr in (0.01, 0.1, 1.0):
        make_run(lr=lr, summary={"best_valid": 0.9 if lr == best else 0.5})
    assert draw()[TITLE].note.startswith(start)
