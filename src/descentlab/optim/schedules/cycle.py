"""Cyclic schedules: warm restarts and one-cycle. Lengths are in steps after the warm-up; below 1, fractions of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Len

from descentlab.config.types import AtLeastOne, Count, Fraction, Positive, Share
from descentlab.optim.schedules.base import Schedule, in_steps, in_whole_steps, known
from descentlab.optim.schedules.decay import half_cosine


@dataclass(frozen=True, kw_only=True)
class CosineRestarts(Schedule):
    """Repeated cosines from 1 to final (SGDR, arXiv:1608.03983, eq. 5; torch's CosineAnnealingWarmRestarts).

    Args:
        period: steps of the first cosine (T_0); below 1, a fraction of the steps after the warm-up.
        growth: the ratio of the length of each cosine to that of the one before (T_mult), >= 1.
        final: the multiplier that each cosine approaches at its end, in [0, 1].
    """

    period: Positive = 0.25
    growth: Count = 1
    final: Share = 0.0

    def shape(self, step: int, total: int | None) -> float:
        length = in_whole_steps(self.period, total)
        if self.growth == 1:
            step %= length
        while step >= length:
            step, length = step - length, length * self.growth
        return self.final + (1 - self.final) * half_cosine(step / length)


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Rise from 1/div to 1, then fall to 1/(div final_div); momentum changes inversely (Smith and Topin, arXiv:1708.07120).

    Two phases, as in torch's OneCycleLR and fastai; the short third phase of the paper is part of the second. The peak is at
    a step, whereas torch's may lie between two steps.

    Args:
        rise: steps up to and including the peak; below 1, a fraction of the steps after the warm-up.
        div: the ratio of the peak to the first multiplier.
        final_div: the ratio of the first multiplier to the last.
        anneal: the shape of both phases.
        momenta: the momentum at both ends, and at the peak; None: the optimizer's own momentum.
    """

    rise: Positive = 0.3
    div: AtLeastOne = 25.0
    final_div: AtLeastOne = 1e4
    anneal: Literal["cosine", "linear"] = "cosine"
    momenta: Annotated[Sequence[Fraction], Len(2, 2)] | None = (0.95, 0.85)

    def shape(self, step: int, total: int | None) -> float:
        return self._up_and_down(step, total, 1 / self.div, 1.0, 1 / (self.div * self.final_div))

    def momentum(self, step: int, total: int | None) -> float | None:
        if self.momenta is None:
            return None
        ends, peak = self.momenta
        after, rest = self._after_warmup(step, total)
        return self._up_and_down(max(after, 0), rest, ends, peak, ends)

    def _up_and_down(self, step: int, total: int | None, first: float, peak: float, last: float) -> float:
        top, end = max(in_steps(self.rise, total) - 1, 0), known(total) - 1
        if step <= top:
            return self._between(first, peak, step / top if top else 1.0)
        return self._between(peak, last, min((step - top) / max(end - top, 1), 1.0))

    def _between(self, start: float, goal: float, progress: float) -> float:
        left = 1 - progress if self.anneal == "linear" else half_cosine(progress)
        return goal + (start - goal) * left
