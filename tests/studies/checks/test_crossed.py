"""Numbers of steps until a threshold is crossed."""

from __future__ import annotations

import pytest
from support.claims import by_seed, check

from descentlab.studies.checks import Verdict


def test_the_mean_number_of_steps_meets_the_bound():
    found = check("crossed", by_seed(a=[150.0, 200.0, 150.0]), at_most=400)
    assert (found.verdict, found.estimate) == (Verdict.REPRODUCED, pytest.approx(500 / 3))
    assert check("crossed", by_seed(a=[150.0, 200.0, 150.0]), at_most=50).verdict is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize("bound", [{"at_most": 400}, {"at_least": 100}])
def test_a_seed_that_never_crosses_contradicts_either_bound(bound):
    found = check("crossed", by_seed(a=[150.0, 200.0, None]), **bound)
    assert (found.verdict, found.reason) == (Verdict.NOT_REPRODUCED, "1 of 3 runs diverged or have no value")
