"""The panel of the learning rate's sensitivity."""

from __future__ import annotations

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
    assert [(trace["x"], trace["marker"]["symbol"]) for trace in traces if "marker" in trace] == [([10.0], "x")]
