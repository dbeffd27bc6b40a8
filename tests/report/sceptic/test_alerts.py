"""Alerts of the reported runs."""

from __future__ import annotations


def alert(rule: str) -> dict[str, object]:
    return {"rule": rule, "step": 0, "message": "m", "layer": None, "fixes": []}


def test_runs_with_alerts_are_counted_by_rule(make_run, flags):
    make_run(seed=0, summary={"alerts": [alert("vanishing"), alert("plateau")]})
    make_run(seed=1, summary={"alerts": [alert("vanishing")]})
    make_run(seed=2, summary={"alerts": []})
    (flag,) = flags("alerts")
    assert flag.message == "2 of 3 reported runs of adam raised alerts: vanishing (2), plateau (1)."


def test_a_single_run_is_named(make_run, flags):
    make_run(summary={"alerts": [alert("saddle")]})
    assert flags("alerts")[0].message == "The only reported run of adam raised alerts: saddle."


def test_runs_without_alerts_are_not_flagged(make_run, flags):
    make_run(seed=0, summary={"alerts": []})
    make_run(seed=1)
    assert flags("alerts") == []
