"""The table of means, medians and interquartile means."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.robust import robust_table


@pytest.fixture
def table(make_run, tmp_path):
    def make(**how):
        return robust_table(compare(load([tmp_path / "sweep"]), **how)[0])

    return make


def test_an_outlier_moves_the_mean_only(make_run, table):
    for seed, value in enumerate((0.9, 0.91, 0.92, 0.93, 0.1)):
        make_run("adam", seed=seed, summary={"test": {"accuracy": value}})
    make_run("sgd", summary={"test": {"accuracy": 0.5}})
    found = table()
    assert found.title == "Mean, median and interquartile mean of the test accuracy"
    adam, sgd = found.rows
    assert adam[:2] == ["adam", "5"]
    assert [cell.split(" [")[0] for cell in adam[2:]] == ["0.75", "0.910", "0.910"]
    assert sgd == ["sgd", "1", "0.5", "0.5", "0.5"]
    assert "the range of the values" in found.notes[1]


def test_equal_middle_values_are_named_instead_of_an_interval(make_run, table):
    for seed, value in enumerate((0.1, 0.2, *[0.5] * 8, 0.8, 0.9)):
        make_run("adam", seed=seed, summary={"test": {"accuracy": value}})
    assert table().rows[0][3:] == ["0.5 (the middle values are equal)"] * 2


def test_few_seeds_and_times_to_target_have_no_table(make_run, table):
    for seed in range(3):
        make_run("adam", seed=seed, summary={"steps_to_target": 10, "steps": 20})
    assert table() is None
    make_run("adam", seed=3, summary={"steps_to_target": 10, "steps": 20})
    assert table() is not None
    assert table(by="steps_to_target") is None
