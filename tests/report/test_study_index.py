"""The Markdown table of verdicts: one row for each study, also with several sets of seeds."""

from __future__ import annotations

from dataclasses import replace

from descentlab.report.study_index import markdown
from descentlab.store.verdict import StudyVerdict

TEXTS = dict.fromkeys(("source", "shows", "differs", "expected", "command", "plan"), "")
PARTS = {"checks": [], "arms": {}, "selections": [], "runs": {}, "deviations": [], "notes": [], "figure": {}}


def verdict(name, row, seeds, found):
    return StudyVerdict(**TEXTS, **PARTS, name=name, claim="a|b", row=row, size="cpu", verdict=found, seeds=seeds, seconds=1.0)


def rows(verdicts):
    return [line.strip("| ").replace(r"\|", "/").split(" | ") for line in markdown(verdicts).splitlines()[2:]]


def test_a_study_with_two_sets_of_seeds_is_one_row_with_the_verdicts_of_both():
    first = verdict("paper/x", "2", [2000, 2001], "reproduced")
    again = replace(first, seeds=[2500, 2501], verdict="inconclusive")
    other = verdict("paper/y", "1", [2000], "not reproduced")
    found = rows([again, first, other])
    assert [row[1] for row in found] == ["`paper/y`", "`paper/x`"]
    assert found[1][4:] == ["2000 to 2001", "reproduced", "2500 to 2501: inconclusive"]
    assert found[0][2] == "a/b"
