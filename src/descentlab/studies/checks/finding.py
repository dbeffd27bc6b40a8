"""Findings: what a check gives for a claim, a verdict with the estimate and the interval that it follows from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The outcomes of a check."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"


WORST_FIRST = (Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE, Verdict.REPRODUCED)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check.

    Args:
        verdict: the outcome.
        estimate: the estimated effect; infinite where diverged runs count as infinite, None if it is undefined.
        low: the lower end of its interval over seeds, of 95 % unless the check sets another `level`; None if there is none.
        high: the upper end.
        n: the number of seeds (of pairs, for a paired comparison).
        needed: the number of seeds that would decide an inconclusive check with a probability of 80 %, if the true effect is
            the estimate; None if the check is decided or no such number is known.
        effect: what is estimated, such as "adam / nesterov".
        bound: the bound that the effect must meet, such as "at most 1.1".
        reason: why the verdict is inconclusive or the effect undefined, and notes such as seeds without a partner; or "".
    """

    verdict: Verdict
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    needed: int | None
    effect: str
    bound: str
    reason: str = ""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict: not reproduced before inconclusive before reproduced.

    Without verdicts nothing has been shown: inconclusive.
    """
    return min(verdicts, key=WORST_FIRST.index, default=Verdict.INCONCLUSIVE)
