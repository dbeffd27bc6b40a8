"""The table of learning-rate sensitivities."""

from __future__ import annotations

import re

from descentlab.store.record import Status

TITLE = "Learning-rate sensitivity"


def cells(panel):
    return re.findall("<td>(.*?)</td>", panel.html)


def test_sensitivity_and_basin_of_an_optimizer_with_several_rates(make_run, draw):
    # before training the accuracy is .5
    for rate, accuracy in ((0.001, 0.7), (0.01, 0.9), (0.1, 0.88)):
        make_run(lr=rate, summary={"best_valid": accuracy})
    make_run(lr=1.0, status=Status.DIVERGED, summary={"best_valid": 0.89, "diverged_step": 7})
    # mean excess: the trapezoids (.2 + 0) / 2, (0 + .02) / 2 and (.02 + .4) / 2
    expected = f"{(0.1 + 0.01 + 0.21) / 3:.4g}"
    found = cells(draw()[TITLE])
    assert found[:5] == ["adam", "4", "0.001 to 1", "0.01", expected]
    assert found[5] == "0.006 to 0.1: 1.2 decades"


def test_a_basin_that_is_cut_by_the_range_is_marked(make_run, draw):
    for rate in (0.1, 0.2, 0.4):
        make_run(lr=rate, summary={"best_valid": 0.9})
    assert cells(draw()[TITLE])[5] == "0.1 or less to 0.4 or more: at least 0.6 decades"


def test_two_rates_are_not_enough(make_run, draw):
    make_run(lr=0.1)
    make_run(lr=0.2)
    assert TITLE not in draw()
