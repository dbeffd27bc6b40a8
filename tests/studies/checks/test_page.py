"""docs/checks.md describes every check with its keys."""

from __future__ import annotations

from importlib import import_module

import pytest
from conftest import ROOT

from descentlab.studies.checks import check_names

PAGE = (ROOT / "docs" / "checks.md").read_text()
ROWS = {line.split("|")[1].strip(" `"): line for line in PAGE.splitlines() if line.startswith("| `")}
OF_ALL = ("at_most", "at_least", "within", "diverged")  # in a table of their own


def test_every_check_has_a_row():
    assert set(check_names()) <= ROWS.keys()


@pytest.mark.parametrize("name", check_names())
def test_its_keys_are_described(name):
    keys = import_module(f"descentlab.studies.checks.{name}").KEYS
    assert [key for key in keys if key not in OF_ALL and f"`{key}" not in ROWS[name]] == []
    assert [key for key in OF_ALL if key not in ROWS] == []
