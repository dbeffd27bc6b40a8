"""Seconds measured on a busy machine."""

from __future__ import annotations


def loaded(make_run, rewrite, optimizer, start, end, cores=2):
    rewrite(make_run(optimizer), timings={"load_at_start": start, "load_at_end": end}, hardware={"cores": cores})


def test_a_load_above_the_cores_is_flagged(make_run, rewrite, flags):
    loaded(make_run, rewrite, "adam", 1.5, 7.0)
    loaded(make_run, rewrite, "sgd", 1.5, 2.0)
    (flag,) = flags("busy_machine")
    assert flag.subject == "adam"
    assert "load up to 3.5 per core" in flag.message


def test_a_load_of_all_cores_is_not_flagged(make_run, rewrite, flags):
    loaded(make_run, rewrite, "adam", 1.5, 2.2)
    assert flags("busy_machine") == []


def test_records_without_a_load_are_not_flagged(make_run, rewrite, flags):
    loaded(make_run, rewrite, "adam", None, None)
    make_run("sgd")
    assert flags("busy_machine") == []


def seconds(make_run, *values):
    for seed, value in enumerate(values):
        make_run(seed=seed, summary={"train_seconds": value, "steps": 100})


def test_equal_runs_of_unequal_pace_are_flagged(make_run, flags):
    seconds(make_run, 1.0, 2.0)
    assert flags("busy_machine")[0].message == (
        "Seconds per step of adam differ by a factor of up to 2.0 between runs of equal settings."
    )


def test_equal_runs_of_similar_pace_are_not_flagged(make_run, flags):
    seconds(make_run, 1.0, 1.2)
    assert flags("busy_machine") == []


def test_the_paces_of_fused_and_of_single_runs_are_not_compared(make_run, flags):
    seconds(make_run, 1.0, 1.1)
    for seed in (2, 3):
        make_run(seed=seed, summary={"train_seconds": 0.1, "steps": 100, "group": {"size": 2, "compiled": True}})
    assert flags("busy_machine") == []
