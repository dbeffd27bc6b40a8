"""The provenance of a run."""

from __future__ import annotations

import os

import pytest

from descentlab.store import provenance


def test_the_load_average_is_that_of_the_last_minute(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1.504, 9.0, 9.0))
    assert provenance.load_average() == 1.5


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_a_system_that_does_not_count_it_has_no_load_average(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(os, "getloadavg", fail)
    assert provenance.load_average() is None
