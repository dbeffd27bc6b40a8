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


@pytest.mark.parametrize(("file", "changes"), [("training/steps.py", True), ("run.py", True), ("report/page.py", False)])
def test_only_source_that_a_run_may_execute_is_part_of_its_identity(tmp_path, monkeypatch, file, changes):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    hashes = []
    for text in ("first", "second"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
        provenance.code.cache_clear()
        hashes.append(provenance.code()["package"])
    provenance.code.cache_clear()
    assert (hashes[0] != hashes[1]) is changes


def test_subpackages_that_are_not_part_of_the_identity_exist():
    names = {path.name for path in provenance.PACKAGE.iterdir()} | {path.stem for path in provenance.PACKAGE.iterdir()}
    assert set(provenance.WITHOUT_EFFECT) <= names
