"""The worst of several verdicts."""

from __future__ import annotations

from descentlab.studies.checks.finding import Verdict, worst


def test_not_reproduced_comes_before_inconclusive_before_reproduced():
    assert worst(Verdict) is Verdict.NOT_REPRODUCED
    assert worst([Verdict.REPRODUCED, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([Verdict.REPRODUCED]) is Verdict.REPRODUCED
    assert worst([]) is Verdict.INCONCLUSIVE
