"""Runs of several versions of code."""

from __future__ import annotations

import pytest


def versions(make_run, rewrite, adam, sgd):
    rewrite(make_run("adam"), versions=adam)
    rewrite(make_run("sgd"), versions=sgd)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch", "The version of torch differs between runs (1: adam; 2: sgd)"),
        ("mine (source)", "The source of mine changed between runs (1: adam; 2: sgd)"),
        ("descentlab (source)", "The version of descentlab differs between runs (1: adam; 2: sgd)"),
    ],
)
def test_a_version_that_differs_is_flagged(make_run, rewrite, flags, name, message):
    versions(make_run, rewrite, {name: "1", "numpy": "2"}, {name: "2", "numpy": "2"})
    (flag,) = flags("code_versions")
    assert flag.message.startswith(message)


def test_equal_versions_are_not_flagged(make_run, rewrite, flags):
    versions(make_run, rewrite, {"torch": "1"}, {"torch": "1"})
    assert flags("code_versions") == []


def test_a_class_that_only_one_optimizer_uses_is_not_flagged(make_run, rewrite, flags):
    versions(make_run, rewrite, {"mine (source)": "1"}, {})
    assert flags("code_versions") == []
