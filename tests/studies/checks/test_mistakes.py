"""Mistakes in the settings of checks are sentences that name the fix."""

from __future__ import annotations

import pytest
from support.claims import by_seed, frame

from descentlab.errors import UsageError
from descentlab.studies.checks import check_names, evaluate, mistakes

VALID = [
    {"check": "ratio", "arms": ["adam", "nesterov"], "at_most": 1.1},
    {"check": "difference", "arms": ["adam", "nesterov"], "within": [-1, 1], "level": 0.9, "diverged": "worst_high"},
    {"check": "ordering", "arms": ["adam", "nesterov"], "direction": "decreasing", "scale": "log"},
    {"check": "value", "at_most": 1, "each": True},
    {"check": "slope", "arms": "adam", "within": [0.9, 1.1], "scale": "semilogx", "range": [1, 32]},
    {"check": "equal", "tolerance": 1e-4, "exact": True},
    {"check": "count", "at_least": 0.95, "fraction_at_most": 0.25},
    {"check": "monotone", "over": "arms", "arms": ["adam", "nesterov"], "tolerance": 0.1},
    {"check": "crossed", "at_most": 400},
    {"check": "correlation", "at_least": 0.6, "pool": True},
    {"check": "equivalence", "arms": ["adam", "nesterov"], "margin": 0.01},
]
RATIO = VALID[0]
WRONG = [
    ({}, "The check has no key check; there are correlation, count, "),
    ({**RATIO, "check": "ration"}, "The check ration is unknown; did you mean ratio?"),
    ({**RATIO, "at_mst": 1}, "at_mst: unknown key; did you mean at_most? The check ratio has arms, at_least, "),
    ({**RATIO, "arms": ["adam", "nestrov"]}, "nestrov: there is no such arm; did you mean nesterov? The study has "),
    ({**RATIO, "arms": ["adam"]}, "The check ratio needs 2 arms, got 1."),
    ({**RATIO, "arms": ["adam", "adam"]}, "arms has a name twice: adam, adam."),
    ({**RATIO, "arms": 3}, "arms is a list of names, got 3."),
    ({"check": "value"}, "The check has no bound; it needs one of at_most, at_least, within."),
    ({**RATIO, "at_least": 1}, "The check has at_most and at_least; it needs one of at_most, at_least, within."),
    ({**RATIO, "at_most": "1e-3"}, "at_most: 1e-3 is text in YAML; write 0.001"),
    ({**RATIO, "at_most": True}, "at_most is a finite number, got true."),
    ({"check": "value", "within": [2, 1]}, "within: 2 is not below 1."),
    ({"check": "value", "within": 2}, "within is a list of two numbers, [low, high], got 2."),
    ({**RATIO, "level": 95}, "level is between 0.5 and 0.9999, got 95."),
    ({**RATIO, "exact": "yes"}, "exact is true or false, got yes."),
    ({**RATIO, "diverged": "worst"}, "diverged is one of against, worst_high, undefined, got worst; did you mean worst_high?"),
    ({"check": "slope", "at_most": 1, "diverged": "worst_high"}, "diverged: a line has no slope with an infinite value"),
    ({"check": "slope", "at_most": 1, "scale": "loglg"}, "scale is one of loglog, semilogx, semilogy, linear, got loglg"),
    ({"check": "ordering", "arms": ["adam"]}, "The check ordering needs at least 2 arms, got 1."),
    ({"check": "monotone", "tolerance": -1}, "tolerance is at least 0, got -1."),
    (
        {"check": "monotone", "over": "arms", "arms": ["adam"]},
        "The check monotone needs at least 2 arms with over: arms, got 1.",
    ),
    ({"check": "equal"}, "The check equal needs a tolerance."),
    ({"check": "count", "at_most": 1}, "The check count needs one of fraction_at_least and fraction_at_most."),
    ({"check": "count", "at_most": 1, "fraction_at_least": 3}, "fraction_at_least is between 0 and 1, got 3."),
    ({"check": "equivalence", "arms": ["adam", "nesterov"]}, "The check equivalence needs one of margin and factor."),
    ({"check": "equivalence", "arms": ["adam", "nesterov"], "factor": 1}, "factor is above 1: "),
]


@pytest.mark.parametrize("settings", VALID, ids=lambda settings: settings["check"])
def test_valid_settings_have_no_mistakes(settings):
    assert mistakes(settings, ["adam", "nesterov"]) == []


def test_every_check_has_valid_settings():
    assert {settings["check"] for settings in VALID} == set(check_names())


@pytest.mark.parametrize(("settings", "sentence"), WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_a_mistake_is_named(settings, sentence):
    found = mistakes(settings, ["adam", "nesterov"])
    assert len(found) == 1, found
    assert found[0].startswith(sentence)


def test_evaluate_refuses_settings_with_mistakes():
    with pytest.raises(UsageError, match="did you mean at_most"):
        evaluate({"check": "value", "at_mst": 1}, by_seed(a=[1.0]))


def test_two_values_of_a_seed_are_refused():
    with pytest.raises(ValueError, match=r"several values at x = 1\.0 for the seed 0"):
        evaluate({"check": "value", "at_most": 1}, frame([("a", 1.0, 0, 1.0), ("a", 1.0, 0, 2.0)]))
