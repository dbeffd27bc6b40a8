"""The header of every problem file: it is complete, and the runs of its command reach the values that it expects."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

import pytest
from conftest import options
from support.problems import Header, data_set, missing, trainable

LONG = 10
SIGNS = {">=": operator.ge, "<=": operator.le}


def value(summary: Mapping[str, Any], key: str) -> float:
    """Return an entry of a summary: "test accuracy" is summary["test"]["accuracy"], "best_valid" is summary["best_valid"]."""
    part, _, name = key.rpartition(" ")
    return (summary[part] if part else summary)[name]


@pytest.mark.parametrize("problem", options("problem"))
def test_header_has_command_cost_and_expectations(problem):
    header = Header.of(problem)
    assert header.command[:2] == ["train.py", "-m"]
    assert f"problem={problem}" in header.command
    (optimizers,) = [word.removeprefix("optimizer=").split(",") for word in header.command if word.startswith("optimizer=")]
    assert len(optimizers) >= 2
    assert all(header.expect), "OPTIMIZER test METRIC >= VALUE; ..."
    if header.expect:
        assert {clause["optimizer"] for clause in header.expect} == set(optimizers)


def test_data_of_trainable_problems_are_in_a_package_registry():
    entries = [entry for problem in trainable() if (entry := data_set(problem))]
    assert [entry.name for entry in entries if not entry.packaged] == []


def marked(problem: str) -> Any:
    """Return `problem` with the marker for its cost: long if a run takes minutes or at least LONG seconds, else slow."""
    cost = Header.of(problem).cost
    seconds = re.match(r"(\d+)( to \d+)? s ", cost)
    is_long = "minute" in cost or (seconds is not None and int(seconds[1]) >= LONG)
    return pytest.param(problem, marks=pytest.mark.long if is_long else pytest.mark.slow)


@pytest.mark.parametrize("problem", [marked(problem) for problem in trainable()])
def test_runs_reach_the_values_of_the_header(problem, train):
    if data := missing(problem):
        pytest.skip(f"the data have not been fetched: python scripts/data.py fetch {data}")
    header, summaries = Header.of(problem), {}
    words = [word for word in header.command[2:] if not word.startswith("optimizer=")]
    for optimizer in {clause["optimizer"]: None for clause in header.expect}:
        run = train(*words, f"optimizer={optimizer}", f"sweep={optimizer.replace('/', '_')}")
        assert run.record.status == "completed"
        summaries[optimizer] = run.record.summary
    reached = {clause.group(): value(summaries[clause["optimizer"]], clause["key"]) for clause in header.expect}
    signs = {clause.group(): (SIGNS[clause["sign"]], float(clause["value"])) for clause in header.expect}
    assert not {words: found for words, found in reached.items() if not signs[words][0](found, signs[words][1])}
