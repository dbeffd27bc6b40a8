"""The table of results in docs/studies.md: a row for each study, with the verdict that its file expects."""

from __future__ import annotations

import pytest
from conftest import ROOT
from support.studies import NAMES, node

from descentlab.report.study_index import BEGIN, END

EXPECTED = {name: node(name).get("expected", "reproduced") for name in NAMES}


def rows() -> dict[str, list[str]]:
    """Return the cells of each row of the table by the name of its study."""
    table = (ROOT / "docs" / "studies.md").read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.replace("\\|", "/").strip("|").split("|")] for line in lines]
    return {row[1].strip("`"): row for row in cells}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_study_has_the_verdict_that_its_file_expects(name):
    row = rows().get(name)
    if EXPECTED[name] == "not run":
        assert row is None, "it has run: its file expects a verdict"
    else:
        assert row is not None, "python scripts/studies.py report outputs --markdown docs/studies.md"
        assert row[5] == EXPECTED[name]


def test_the_table_has_no_other_rows():
    assert set(rows()) <= set(EXPECTED)
