"""The statements as HTML."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from descentlab.report.compare import compare
from descentlab.report.emphasis import emphasised_statements
from descentlab.report.load import load
from descentlab.report.overall import statements
from descentlab.store.record import Status


@pytest.fixture
def emphasised(make_run, tmp_path):
    """Return the strong parts of the statement of runs with these test accuracies, whose text is the plain statement."""

    def parts(values: dict[str, tuple[float | None, ...]]) -> list[str]:
        for optimizer, own in values.items():
            for seed, value in enumerate(own):
                ended = {"status": Status.DIVERGED, "summary": {"test": {}, "best_valid": None, "diverged_step": 3}}
                make_run(optimizer, seed=seed, **(ended if value is None else {"summary": {"test": {"accuracy": value}}}))
        answers = compare(load([tmp_path / "sweep"]))
        (line,) = emphasised_statements(answers)
        assert [line.striptags()] == statements(answers)
        return [Markup(found).unescape() for found in re.findall("<strong>(.*?)</strong>", line)]

    return parts


def test_the_best_its_number_and_the_difference_are_strong(emphasised):
    found = emphasised({"adam": (0.90, 0.91, 0.92), "sgd": (0.80, 0.813, 0.82)})
    assert found == ["adam", "0.910", "better than sgd by 0.099"]


def test_that_two_are_not_distinguishable_is_strong(emphasised):
    found = emphasised({"adam": (0.90, 0.92, 0.91), "sgd": (0.89, 0.925, 0.90)})
    assert found[2] == "not distinguishable from sgd"


def test_a_statement_without_a_value_has_no_strong_part(emphasised):
    assert emphasised({"adam": (None,), "sgd": (None,)}) == []


def test_intervals_and_counts_are_not_broken(make_run, tmp_path):
    for optimizer, value in {"adam": 0.9, "<b>": 0.8}.items():
        for seed in range(3):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value + 0.01 * seed + 0.002 * seed * (value > 0.85)}})
    (line,) = emphasised_statements(compare(load([tmp_path / "sweep"])))
    unbroken = re.findall('<span class="unbroken">(.*?)</span>', line)
    assert len([text for text in unbroken if text.startswith("[")]) == 2
    assert "n = 3 pairs" in unbroken
    assert "<b>" not in line
