"""The parallel coordinates of the settings of a sweep with at least three numbers."""

from __future__ import annotations

from itertools import product

import pytest

from descentlab.store.record import Status

TITLE = "Settings tried and their validation accuracy"


def write_grid(make_run, **last):
    for number, (lr, momentum, batch) in enumerate(product((0.01, 0.1), (0.5, 0.9), (32, 128))):
        config = {"batch_size": batch, "optimizer": {"lr": lr, "momentum": momentum}}
        make_run("momentum", config=config, **(last if number == 7 else {"summary": {"best_valid": 0.1 + number / 10}}))


def test_each_setting_is_a_line_through_its_numbers_and_its_value(make_run, draw):
    write_grid(make_run)
    figure = draw()[TITLE]
    assert len(figure.traces) == 8
    best = figure.traces[-1]
    assert best["y"] == [1.0, 1.0, 1.0, 1.0]
    assert best["line"]["width"] > figure.traces[0]["line"]["width"]
    worst = next(trace for trace in figure.traces if trace["y"] == [0.0, 0.0, 0.0, 0.0])
    assert worst["opacity"] < 0.2
    assert figure.summary == "momentum: 8 settings of learning rate, momentum, batch size, values from 0.1 to 0.9"


def test_a_diverged_setting_is_grey_and_ends_below_the_axis(make_run, draw):
    write_grid(make_run, status=Status.DIVERGED, summary={"best_valid": None, "diverged_step": 5})
    lost = [trace for trace in draw()[TITLE].traces if trace["line"]["dash"] == "dot"]
    assert [trace["y"][-1] for trace in lost] == [pytest.approx(-0.1)]
    assert "diverged at step 5" in lost[0]["text"][0]


def test_two_numbers_have_no_parallel_coordinates(make_run, draw):
    for lr, batch in product((0.01, 0.1), (32, 128)):
        make_run(lr=lr, config={"batch_size": batch})
    assert TITLE not in draw()
